"""Alerts reach a real web server and a log file, say what failed, where and by which rule, and never fail anything."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from typer.testing import CliRunner

from engagement_assets.cli.app import app
from engagement_assets.definitions import build_definitions
from engagement_assets.operations.runs import RunOutcome, build_tables
from engagement_assets.pipeline.alerts import Alert, of_run, send
from engagement_assets.settings import Settings
from engagement_assets_tests.servers import free_port
from engagement_assets_tests.webhook import Webhook, listening
from engagement_assets_tests.worlds import World

DAY = date(2025, 3, 2)
SECRET = "secret-token"


@pytest.fixture
def hook() -> Iterator[Webhook]:
    """A webhook of the test's own."""
    with listening() as started:
        yield started


def shop(world: World, hook: Webhook) -> World:
    """A customer and four orders, three of which are of nobody: three quarters of the source."""
    world.options |= {"start_date": DAY, "alert_webhook": hook.address, "dagster_url": "http://dagster.test/"}
    world.customers([{"customer_id": "a"}])
    order = {"order_date": DAY.isoformat(), "order_amount": "1"}
    world.orders([{**order, "order_id": f"o{n}", "customer_id": "a" if n == 0 else f"nobody{n}"} for n in range(4)])
    return world


def run(world: World, **options: Any) -> RunOutcome:
    """Build what is needed of the shop, and nothing more."""
    return build_tables(
        Settings(**{**world.settings.model_dump(), **options}),
        DAY,
        DAY,
        world.instance,
        tables=["raw_customers", "raw_orders"],
    )


def logged(world: World) -> list[dict[str, Any]]:
    lines = Path(world.instance.root_directory, "alerts.log").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def sections(message: dict[str, Any]) -> str:
    return "\n".join(block["text"]["text"] for block in message["blocks"] if block["type"] == "section")


def test_a_failed_run_tells_the_step_the_day_and_the_rule(world: World, hook: Webhook) -> None:
    shop(world, hook)
    done = run(world)
    assert not done.success
    (message,) = hook.messages
    assert hook.types == ["application/json; charset=utf-8"]
    assert message["text"] == "Run of daily_snapshot failed: 2025-03-02"
    step, rule = sections(message).splitlines()
    assert step.startswith("• raw_orders: raw_orders: 1 day(s) not published")
    assert rule.startswith("• raw_orders, rule rejected_share (error): 3 violate: ")
    assert f"http://dagster.test/runs/{done.run_id}" in json.dumps(message)
    (entry,) = logged(world)
    assert (entry["severity"], entry["partitions"], entry["posted"]) == ("error", "2025-03-02", True)
    assert SECRET not in json.dumps(entry)


def test_the_sensors_tell_of_each_ended_run_once(world: World, hook: Webhook) -> None:
    """A run that fails, and one that succeeds with a warning."""
    shop(world, hook)
    sensors = ("alert_on_failed_runs", "alert_on_failed_checks")
    cursors: dict[str, str | None] = {}

    def tick() -> None:
        definitions = build_definitions(world.settings)
        for name in sensors:
            sensor = definitions.resolve_sensor_def(name)
            with dg.build_sensor_context(
                instance=world.instance, definitions=definitions, cursor=cursors.get(name), sensor_name=name
            ) as context:
                assert all(not ran.error for ran in sensor.evaluate_tick(context).dagster_run_reactions or [])
                cursors[name] = context.cursor

    tick()
    run(world, alert_webhook=None)  # as a run of the daemon, which tells nothing by itself
    tick()
    tick()
    assert [message["text"] for message in hook.messages] == ["Run of daily_snapshot failed: 2025-03-02"]
    run(world, alert_webhook=None, rejected_share_limit=1.0)
    tick()
    tick()
    assert len(hook.messages) == 2
    warning = hook.messages[1]
    assert warning["text"].startswith("1 check failed in a run of daily_snapshot")
    assert sections(warning).startswith("• raw_orders, rule rejected_share (warning): 3 violate: ")
    posted = [entry["severity"] for entry in logged(world) if entry["posted"]]
    assert posted == ["error", "warning"]
    world.options |= {"alert_level": "error"}
    run(world, alert_webhook=None, rejected_share_limit=1.0)
    tick()
    assert len(hook.messages) == 2


def test_a_warning_is_told_once_until_it_says_something_else_or_comes_again(world: World, hook: Webhook) -> None:
    """Two orders of three are of nobody, then three of four; one is below zero besides; then all are good."""
    shop(world, hook)
    good, bad = [{"customer_id": "a", "order_amount": "1"}], [{"customer_id": "nobody", "order_amount": "1"}] * 2
    below_zero = [{"customer_id": "a", "order_amount": "-1"}]
    steps: list[tuple[list[dict[str, str]], int]] = [
        (good + bad, 1),
        (good + bad, 1),
        (good + bad + bad[:1], 1),
        (good + bad + bad[:1] + below_zero, 2),
        (good + bad + bad[:1], 2),
        (below_zero + good + bad + bad[:1], 2),  # both were told
        (good * 6, 2),
        (good + bad, 3),
    ]
    for orders, told in steps:
        world.orders([{"order_id": f"o{n}", "order_date": DAY.isoformat(), **order} for n, order in enumerate(orders)])
        assert run(world, rejected_share_limit=1.0, missing_share_limit=1.0).success
        assert (orders, len(hook.messages)) == (orders, told), [sections(message) for message in hook.messages]
    assert "negative_amount" in sections(hook.messages[1])
    # A failure is always told, and says how many warnings are left out.
    for told in (4, 5):
        assert not run(world, rejected_share_limit=0.1, missing_share_limit=1.0).success
        assert len(hook.messages) == told


@pytest.mark.parametrize(("answers", "taken"), [([503], True), ([503, 503], False), ([404], False), ([302], False)])
def test_a_webhook_that_refuses_is_asked_again_only_where_that_helps(
    tmp_path: Path, hook: Webhook, answers: list[int], taken: bool, caplog: pytest.LogCaptureFixture
) -> None:
    hook.answers = list(answers)
    alert = Alert("warning", "A <title> & more", "", ("a < b",), "http://dagster.test/runs/1")
    assert send(Settings(alert_webhook=hook.address), alert, tmp_path) is taken
    assert [message["text"] for message in hook.messages] == ["A &lt;title&gt; &amp; more"] * taken
    assert json.loads((tmp_path / "alerts.log").read_text())["posted"] is taken
    assert ("could not be posted" in caplog.text) is not taken
    assert SECRET not in caplog.text


def test_a_run_succeeds_though_neither_the_webhook_nor_the_log_can_be_reached(world: World, hook: Webhook) -> None:
    shop(world, hook)
    nowhere = f"http://127.0.0.1:{free_port()}/{SECRET}"
    options = {"alert_webhook": nowhere, "alert_log": f"{os.devnull}/alerts.log"}
    assert run(world, rejected_share_limit=1.0, **options).success


def test_what_another_library_says_of_a_value_is_not_passed_on(world: World) -> None:
    @dg.op
    def choke() -> None:
        raise ValueError("cannot parse 'ann@example.com'")

    @dg.job
    def choking() -> None:
        choke()

    result = choking.execute_in_process(instance=world.instance, raise_on_error=False)
    run = world.instance.get_run_by_id(result.run_id)
    assert run is not None
    alert = of_run(world.settings, world.instance, run, result.all_events)
    assert alert is not None
    assert alert.lines == ("choke: ValueError; the run's log has the message",)


def test_many_rules_and_long_texts_stay_within_what_slack_takes() -> None:
    lines = tuple(f"{number} {'x' * 700}" for number in range(30))
    message = Alert("error", "t" * 400, "2025-03-01", lines, "http://dagster.test").slack()
    assert len(message["blocks"][0]["text"]["text"]) == 150
    assert len(message["blocks"][1]["text"]["text"]) == 3000


def test_the_webhook_is_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENGAGEMENT_ALERT_WEBHOOK", f"https://hooks.test/{SECRET}")
    shown = CliRunner().invoke(app, ["settings"])
    assert shown.exit_code == 0
    monkeypatch.setenv("ENGAGEMENT_ALERT_WEBHOOK", f"ftp://hooks.test/{SECRET}")
    refused = CliRunner().invoke(app, ["settings"])
    assert refused.exit_code == 2
    assert "ENGAGEMENT_ALERT_WEBHOOK" in refused.output
    with pytest.raises(ValueError, match="alert_webhook") as error:
        Settings()
    texts = [shown.output, refused.output, str(error.value), repr(Settings(alert_webhook=f"https://{SECRET}"))]
    assert [text for text in texts if SECRET in text] == []
