"""Alerts: what failed, on which days, by which rule; posted to a webhook as Slack-compatible JSON, and written to a log.

An alert holds names, days, counts and the product's own sentences, never a row's values: of an error that the product did not
write itself, only its class is told. That the webhook cannot be reached fails nothing; the log says so.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any, Literal

import dagster as dg

from engagement_assets.dagster_internals.check_results import failing_before
from engagement_assets.dagster_internals.names import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
    WILL_RETRY_TAG,
    StepFailureData,
)
from engagement_assets.dagster_internals.shop_runs import asset_of
from engagement_assets.dagster_internals.telling import forget_planned
from engagement_assets.domain.meanings import counted
from engagement_assets.pipeline.webhook import WebhookError, post
from engagement_assets.settings import Settings

log = logging.getLogger("engagement.alerts")

#: File in the Dagster home, unless a setting names another.
LOG_FILE = "alerts.log"

_DAYS_NAMED = 5
_LINES = 20
_LONGEST_LINE = 700

#: Slack's limits for a header and for the text of a section.
_HEADER, _SECTION = 150, 3000

#: The product's own errors are sentences without values: the name of their class adds nothing.
_OWN_ERROR = re.compile(r"^engagement_assets\.[\w.]+: ")

#: A number or a date, but none within a name such as that of a file.
_NUMBER = re.compile(r"(?<![\w./])(?<!\w-)(?:\d{4}-\d\d-\d\d|\d[\d,.]*%?)(?!\.?[\w/-])")

Severity = Literal["error", "warning"]
Tell = Callable[[str], None]


@dataclass(frozen=True)
class Alert:
    """Something a person should look at: what failed, the days it is about, a line for each step or rule, where to look."""

    severity: Severity
    title: str
    partitions: str
    lines: tuple[str, ...]
    link: str

    def text(self) -> str:
        """The alert in plain words."""
        about = f" ({self.partitions})" if self.partitions else ""
        return "\n".join([f"{self.title}{about}", *(f"- {line}" for line in self.lines), self.link])

    def slack(self) -> dict[str, Any]:
        """The alert as Slack and what is compatible with it take it: a text, and the same as blocks."""
        sign = ":red_circle:" if self.severity == "error" else ":warning:"
        details = _within("\n".join(f"• {escape(line, quote=False)}" for line in self.lines), _SECTION)
        days = escape(self.partitions, quote=False)
        footer = f"<{self.link}|Open in Dagster>" + (f" · {days}" if days else "")
        return {
            "text": escape(self.title, quote=False) + (f": {days}" if days else ""),
            "blocks": [
                {"type": "header", "text": {"type": "plain_text", "text": _within(f"{sign} {self.title}", _HEADER)}},
                *([{"type": "section", "text": {"type": "mrkdwn", "text": details}}] if details else []),
                {"type": "context", "elements": [{"type": "mrkdwn", "text": footer}]},
            ],
        }


def _within(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


# ---- what is worth an alert ------------------------------------------------------------------------------------------


def of_run(
    settings: Settings, instance: dg.DagsterInstance, run: dg.DagsterRun, events: Iterable[dg.DagsterEvent]
) -> Alert | None:
    """The alert for a run that ended, from its events; None if there is nothing to tell.

    A failed run tells the steps that failed and why; any run, the rules that were violated and on which days. A warning is told
    once: not again while its rule says nothing else from run to run, whatever the numbers, until it has passed.
    """
    steps: list[str] = []
    violated: dict[dg.AssetCheckKey, list[dg.AssetCheckEvaluation]] = {}
    end = ""
    for event in events:
        if event.is_step_failure and event.step_key:
            steps.append(f"{asset_of(event.step_key)}: {cause(event.step_failure_data, own_words=True)}")
        elif event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            found = event.asset_check_evaluation_data
            if not found.passed and (settings.alert_level == "warning" or _is_error(found)):
                violated.setdefault(found.asset_check_key, []).append(found)
        elif event.event_type == dg.DagsterEventType.PIPELINE_FAILURE:
            end = event.message or ""
    failed = run.status == dg.DagsterRunStatus.FAILURE
    known = {
        check for check, found in violated.items() if _is_known(found, failing_before(instance, check, run.run_id))
    }
    new = {check: found for check, found in violated.items() if check not in known}
    if not failed and not new:
        return None
    if failed and not steps:
        steps = [f"the run ended before a step could say why: {' '.join(end.split()) or 'its process is gone'}"]
    rules = [_rule_line(check, found) for check, found in new.items()]
    errors = [found for evaluations in new.values() for found in evaluations if _is_error(found)]
    job = "chosen assets" if run.job_name.startswith("__") else run.job_name
    title = f"Run of {job} failed" if failed else f"{counted(len(rules), 'check')} failed in a run of {job}"
    lines = [*steps, *rules]
    if len(lines) > _LINES:
        lines = [*lines[:_LINES], f"and {len(lines) - _LINES} more"]
    if known:
        lines.append(f"and {counted(len(known), 'warning')} as before")
    first, last = run.tags.get(ASSET_PARTITION_RANGE_START_TAG), run.tags.get(ASSET_PARTITION_RANGE_END_TAG)
    return Alert(
        "error" if failed or errors else "warning",
        title,
        f"{first} to {last}" if first and last else run.tags.get(PARTITION_NAME_TAG, ""),
        tuple(_within(line, _LONGEST_LINE) for line in lines),
        f"{settings.dagster_url.rstrip('/')}/runs/{run.run_id}",
    )


def _is_error(found: dg.AssetCheckEvaluation) -> bool:
    return found.severity == dg.AssetCheckSeverity.ERROR


def _is_known(found: Sequence[dg.AssetCheckEvaluation], before: Iterable[dg.AssetCheckEvaluation]) -> bool:
    """Whether these are warnings that say nothing which earlier ones have not said."""
    said: set[str] = set().union(*map(_said, before))
    return not any(map(_is_error, found)) and all(_said(each) <= said for each in found)


def _said(found: dg.AssetCheckEvaluation) -> set[str]:
    """The words of a result, names of its figures and what it names, without numbers and dates."""
    named = {name: value.value for name, value in found.metadata.items()}
    texts = [
        value if isinstance(value, str) else " ".join(value)
        for value in named.values()
        if isinstance(value, str | dict)
    ]
    text = " ".join([str(found.severity), found.description or "", *named, *texts])
    return {word.strip(",;:()") for word in _NUMBER.sub("", text).split()}


def _rule_line(check: dg.AssetCheckKey, found: Sequence[dg.AssetCheckEvaluation]) -> str:
    worst = next(filter(_is_error, reversed(found)), found[-1])
    grade = "error" if _is_error(worst) else "warning"
    named = sorted({evaluation.partition for evaluation in found if evaluation.partition})
    more = f" and {len(named) - _DAYS_NAMED} more" if named[_DAYS_NAMED:] else ""
    days = ", ".join(named[:_DAYS_NAMED]) + more
    which = f"{worst.partition}: " if len(found) > 1 and worst.partition else ""
    rule = f"{check.asset_key.to_user_string()}, rule {check.name} ({grade}){f' on {days}' if days else ''}"
    return f"{rule}: {which}{worst.description or 'failed'}"


def cause(failure: StepFailureData, *, own_words: bool = False) -> str:
    """The message of a step's failure, without its traceback: the product's own words or, without any, the innermost.

    `own_words`: of an error that the product did not write itself only its class, because others quote what they choke on.
    """
    if failure.user_failure_data is not None and failure.user_failure_data.description:
        return str(failure.user_failure_data.description)
    error = failure.error
    while error is not None and error.cause is not None and not _OWN_ERROR.match(error.message):
        error = error.cause
    if own_words and not (error and _OWN_ERROR.match(error.message)):
        return f"{(error and error.cls_name) or 'unknown error'}; the run's log has the message"
    return _OWN_ERROR.sub("", " ".join(error.message.split())) if error else "unknown error"


# ---- telling it ------------------------------------------------------------------------------------------------------


def send(settings: Settings, alert: Alert, home: str | Path | None, tell: Tell | None = None) -> bool | None:
    """Post an alert to the webhook and write it to the log file; raises nothing.

    Returns whether the webhook took it; None if none is set. `home` is the Dagster home, where the log file is by default;
    `tell` gets the alert in words, and what went wrong with sending it.
    """
    tell = tell or log.warning
    tell(alert.text())
    delivered = None
    if settings.alert_webhook is not None:
        try:
            post(settings.alert_webhook.get_secret_value(), alert.slack())
            delivered = True
        except WebhookError as problem:
            delivered = False
            tell(f"the alert could not be posted to the webhook ({problem}); it is in the log only")
    place = Path(settings.alert_log).expanduser() if settings.alert_log else Path(home, LOG_FILE) if home else None
    if place is not None:
        entry = {"at": datetime.now(settings.zone).isoformat(timespec="seconds"), **asdict(alert), "posted": delivered}
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("a", encoding="utf-8") as file:
                file.write(json.dumps(entry, ensure_ascii=False) + "\n")
        except OSError as error:
            tell(f"the alert could not be written to {place} ({error.strerror or type(error).__name__})")
    return delivered


# ---- sensors ---------------------------------------------------------------------------------------------------------


def build_alert_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """Sensors that look at each run of this project once it has ended. Runs from the command line tell by themselves."""

    def look(context: dg.RunStatusSensorContext) -> None:
        run = context.dagster_run
        forget_planned(context.instance, run.run_id)  # a run that was killed could not do so itself
        if run.tags.get(WILL_RETRY_TAG) == "true":
            context.log.info(f"run {run.run_id} is retried; the last attempt will tell")
            return
        wanted = {
            dg.DagsterEventType.ASSET_CHECK_EVALUATION,
            dg.DagsterEventType.STEP_FAILURE,
            dg.DagsterEventType.PIPELINE_FAILURE,
        }
        entries = context.instance.all_logs(run.run_id, of_type=wanted)
        alert = of_run(
            settings, context.instance, run, (entry.dagster_event for entry in entries if entry.dagster_event)
        )
        if alert is not None:
            send(settings, alert, context.instance.root_directory, context.log.warning)

    on_failed_runs = dg.run_failure_sensor(
        name="alert_on_failed_runs",
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Posts failed runs to the webhook of ENGAGEMENT_ALERT_WEBHOOK and writes them to the alert log.",
    )
    on_failed_checks = dg.run_status_sensor(
        name="alert_on_failed_checks",
        run_status=dg.DagsterRunStatus.SUCCESS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Posts checks that failed in a run that succeeded: warnings, and what monitoring found.",
    )
    return [on_failed_runs(look), on_failed_checks(look)]
