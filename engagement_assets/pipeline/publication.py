"""Write, audit, publish: rows are staged, examined, and only then committed; the results are told to Dagster per partition.

Dagster keeps check results per partition only in a run of a single partition. In a range run a plain check result belongs
to no partition and every day shows "skipped". The events below, in this order, give a true picture in both kinds of run,
good and bad days mixed; this is the one place that depends on it. There are few of them: recording them is most of what a run of
small tables does.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import dagster as dg
from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from engagement_assets.dagster_internals.check_results import newest_materializations
from engagement_assets.dagster_internals.names import AssetCheckEvaluationTargetMaterializationData
from engagement_assets.dagster_internals.telling import already_told, days_with_results, tell, version_tags
from engagement_assets.domain import remedies
from engagement_assets.domain.catalogue import CATALOGUE, settings_of
from engagement_assets.domain.column_origins import column_origins
from engagement_assets.domain.contracts import Contract
from engagement_assets.domain.days import spans
from engagement_assets.lake.code_versions import commit_metadata
from engagement_assets.lake.staging import Staged
from engagement_assets.lake.tables import LakeResource
from engagement_assets.pipeline.checks.audited import Audited
from engagement_assets.pipeline.checks.outcomes import Outcome, Rule
from engagement_assets.pipeline.column_lineage import column_lineage
from engagement_assets.settings import Settings

#: Called with the audited rows, and the part of the write that is about to be published.
AfterAudit = Callable[[DataFrame, Staged], None]

#: Metadata with the address of a page of the dashboard.
DASHBOARD = "dashboard"

_DAYS_NAMED = 5

#: A mean over fewer rows would say something of single customers.
_ROWS_FOR_A_MEAN = 20


#: The page of the dashboard that shows a table, by its name or its group; all others are shown by the overview.
_PAGES = {
    "sources": "/monitoring",
    "sessions": "/behaviour",
    "order_aggregates": "/value",
    "customer_features": "/breakdown",
    "campaign_audiences": "/campaigns",
    "campaign_results": "/campaigns",
}


def dashboard_page(settings: Settings, contract: type[Contract]) -> str:
    """The page of the dashboard that shows a table."""
    page = _PAGES.get(contract.table()) or _PAGES.get(CATALOGUE[contract].group, "/")
    return settings.dashboard_url.rstrip("/") + page


class Publication:
    """The writes of one asset in one run: `stage` and `publish` for each chunk of days, then `events` for Dagster.

    `asked` are the days of the run; days beyond them may be published too (a fact table fills in what is missing), and are
    recorded as well.
    """

    def __init__(
        self,
        context: dg.AssetExecutionContext,
        lake: LakeResource,
        spark: SparkSession,
        contract: type[Contract],
        rules: Sequence[Rule],
        settings: Settings,
    ) -> None:
        self.context = context
        self.lake = lake
        lake.begin(context.run.run_id, context.log.info)
        self.spark = spark
        self.contract = contract
        self.rules = rules
        self.commit_metadata = commit_metadata(settings, contract)
        self.lineage = column_lineage(contract, settings)
        self.page = dashboard_page(settings, contract)
        #: Of tables whose rows depend on it.
        self.policy = {"policy": settings.scoring.fingerprint()} if settings_of(contract)[0] else {}
        self.asked = list(context.partition_keys)
        #: Published days that need no new write where their rows come out as they are.
        self.up_to_date: set[str] = set()
        self.rows: dict[str, int] = {}
        #: A hash of each published day's rows.
        self.contents: dict[str, str] = {}
        self.bad: dict[str, str] = {}
        self.outcomes: dict[str, dict[str, Outcome]] = {rule.name: {} for rule in rules}
        self.metadata: dict[str, dict[str, Any]] = {}

    def stage(self, frame: DataFrame, days: Sequence[str], most_rows: int = 0) -> Staged:
        """Write the rows of some days where no reader sees them; `most_rows` is about how many rows the largest has.

        May run in a thread of its own while another write is published.
        """
        return self.lake.stage(
            frame, self.contract, partitions=days, run_id=self.context.run.run_id, most_rows=most_rows
        )

    def publish(self, staged: Staged, days: Sequence[str], after_audit: AfterAudit | None = None) -> None:
        """Audit what was staged of some days, commit the good days.

        `after_audit` sees the staged rows after their audit, for what else is to be told of them.
        """
        run_id = self.context.run.run_id
        rows = staged.rows()
        # Each rule is a pass over the rows: kept at hand until the last has seen them, where the engine can do that.
        audited = self.lake.read_staged(self.spark, staged).persist(StorageLevel.MEMORY_AND_DISK)
        try:
            bad = self._audit(audited, days, rows)
            good = [day for day in days if day not in bad]
            if after_audit is not None:
                after_audit(audited, staged.only(good))
        finally:
            audited.unpersist()
        kept = self.lake.unchanged(staged.only(self.up_to_date)) if self.up_to_date else set()
        new = [day for day in good if day not in kept]
        if new:
            self.lake.commit(staged.only(new), run_id=run_id, metadata=self.commit_metadata)
        self.lake.discard(staged, {*bad, *kept})
        self.rows |= {day: rows.get(day, 0) for day in good}
        self.contents |= staged.only(good).contents()
        self.bad |= bad
        self.context.log.info(
            f"{self.contract.table()}: {len(good)} day(s) published, {len(bad)} not; {sum(rows.values())} rows"
        )

    def publish_each(
        self,
        chunks_of_days: Sequence[list[str]],
        build: Callable[[list[str]], DataFrame],
        rows: Mapping[str, int],
        after_audit: AfterAudit | None = None,
    ) -> None:
        """Build, audit and publish chunks of days; while one is audited the next is built, or an engine's cores would wait.

        `rows` tells about how many rows a day has. What is built already when an earlier chunk fails is thrown away.
        """

        def stage(days: list[str]) -> Staged:
            return self.stage(build(days), days, max(rows.get(day, 0) for day in days))

        before: tuple[Staged, list[str]] | None = None
        with ThreadPoolExecutor(1, thread_name_prefix=self.contract.table()) as ahead:
            for days in chunks_of_days:
                coming = ahead.submit(stage, days)
                if before is not None:
                    try:
                        self.publish(*before, after_audit)
                    except Exception:
                        with suppress(Exception):
                            self.lake.discard(coming.result())
                        raise
                before = coming.result(), days
        if before is not None:
            self.publish(*before, after_audit)

    def confirm(self, days: Sequence[str]) -> None:
        """Audit days that are published already and need no new write."""
        if not days:
            return
        published = self.lake.partitions(self.contract)
        rows = {day: published[day] for day in days}
        self.bad |= self._audit(self.lake.read(self.spark, self.contract, days), days, rows)
        good = [day for day in days if day not in self.bad]
        self.rows |= {day: rows[day] for day in good}
        self.contents |= self.lake.contents(self.contract, good)

    def _audit(self, frame: DataFrame, days: Sequence[str], rows: Mapping[str, int]) -> dict[str, str]:
        """Evaluate the rules; returns the bad days with what was violated."""
        audited = Audited(frame, self.contract, days, rows, self.lake.partitions)
        bad: dict[str, list[str]] = {}
        for rule in self.rules:
            for day, outcome in rule.evaluate(audited).items():
                self.outcomes[rule.name][day] = outcome
                if rule.blocking and not rule.repeats and outcome.is_error and not outcome.passed:
                    broken = [f"{name} ({count} rows)" for name, count in outcome.violations.items() if count]
                    remedy = f": {outcome.remedy}" if outcome.remedy else ""
                    bad.setdefault(day, []).append(f"{rule.name}: {', '.join(broken)}{remedy}")
        return {day: "; ".join(texts) for day, texts in bad.items()}

    def describe(self, day: str, **metadata: Any) -> None:
        """Add metadata to the day's materialisation."""
        self.metadata.setdefault(day, {}).update(metadata)

    # ---- telling Dagster ---------------------------------------------------------------------------------------------

    def events(self) -> Iterator[Any]:
        """Record what was published and what each rule found; raises Failure if a day was bad."""
        yield from self.tell_published()
        yield from self._tell_results()
        if self.bad:
            raise dg.Failure(self._failure(), allow_retries=False)
        with already_told(self.context):
            yield dg.MaterializeResult(asset_key=self.context.asset_key)
        for rule in self.rules:
            yield dg.Output(
                None, output_name=dg.AssetCheckSpec(rule.name, asset=self.context.asset_key).get_python_identifier()
            )

    def tell_published(self) -> list[dg.DagsterEvent]:
        """Record the days that were published; also where the run goes on to fail."""
        # The UI takes a table's column lineage from its latest materialisation.
        if self.lineage is not None:
            self.describe(self.asked[-1], **{"dagster/column_lineage": self.lineage})
        self.describe(self.asked[-1], settings=settings_metadata(self.commit_metadata))
        # Dagster shows what comes last as the latest: the last day asked for.
        days = sorted(self.rows, key=lambda day: (day in self.asked, day))
        # Dagster shows as stale what was built from other rows than these.
        tags = version_tags(self.context, self.contents)
        return tell(
            self.context,
            [
                dg.AssetMaterialization(
                    self.context.asset_key, partition=day, metadata=self._materialization(day), tags=tags[day]
                )
                for day in days
            ],
        )

    def _materialization(self, day: str) -> dict[str, Any]:
        link = {DASHBOARD: dg.MetadataValue.url(f"{self.page}?date={day}")} if day in self.asked else {}
        rows = {"dagster/partition_row_count": self.rows[day]}
        return {**rows, **self.policy, **link, **self.metadata.get(day, {})}

    def _tell_results(self) -> list[dg.DagsterEvent]:
        """Record what the rules found: of each day asked for, and of others where something failed or a result is there."""
        key, instance = self.context.asset_key, self.context.instance
        audited = {*self.rows, *self.bad}
        had = days_with_results(instance, key, audited - set(self.asked))
        days = sorted(audited, key=lambda day: (day in self.asked, day))
        found = {
            (rule, day): outcomes[day]
            for rule in self.rules
            if not rule.of_run
            for outcomes in [self.outcomes[rule.name]]
            for day in days
            if day in self.asked or not outcomes[day].passed or (rule.name, day) in had
        }
        targets = newest_materializations(instance, key, [day for day in days if any(day == each for _, each in found)])
        told = [self._evaluation(rule, outcome, day, targets.get(day)) for (rule, day), outcome in found.items()]
        latest = max(targets.values(), key=lambda target: target.storage_id, default=None)
        told += [
            self._evaluation(rule, rule.of_run(self.outcomes[rule.name]), None, latest)
            for rule in self.rules
            if rule.of_run and self.outcomes[rule.name]
        ]
        return tell(self.context, told)

    def _evaluation(
        self,
        rule: Rule,
        outcome: Outcome,
        day: str | None,
        target: AssetCheckEvaluationTargetMaterializationData | None,
    ) -> dg.AssetCheckEvaluation:
        return dg.AssetCheckEvaluation(
            asset_key=self.context.asset_key,
            check_name=rule.name,
            passed=outcome.passed,
            severity=_severity(rule, outcome),
            blocking=rule.blocking,
            partition=day,
            description=_outcome_words(rule, outcome),
            metadata=_check_metadata(outcome, self.rows.get(day) if day else None),
            target_materialization_data=target,
        )

    def _failure(self) -> str:
        alike: dict[str, list[str]] = {}
        for day, text in sorted(self.bad.items()):
            alike.setdefault(text, []).append(day)
        told = [
            f"{', '.join(first if first == last else f'{first} to {last}' for first, last in spans(days))}: {text}"
            for text, days in alike.items()
        ]
        shown, more = told[:_DAYS_NAMED], len(told) - _DAYS_NAMED
        return (
            f"{self.contract.table()}: {len(self.bad)} day(s) not published, their previous versions stay. "
            + " | ".join(shown)
            + (f" | and {more} more" if more > 0 else "")
            + ". The checks of these partitions show the counts; mend the source rows and build the days again: "
            + f"{remedies.build()}."
        )


def settings_metadata(recorded: Mapping[str, str]) -> dg.JsonMetadataValue:
    """What is recorded with a version of a table, with its JSON texts opened up."""
    return dg.MetadataValue.json(
        {name: json.loads(text) if text.startswith("{") else text for name, text in recorded.items()}
    )


def _severity(rule: Rule, outcome: Outcome) -> dg.AssetCheckSeverity:
    """An error for what keeps a day from being published, a warning for the rest."""
    return dg.AssetCheckSeverity.ERROR if rule.blocking and outcome.is_error else dg.AssetCheckSeverity.WARN


def _outcome_words(rule: Rule, outcome: Outcome) -> str:
    """The outcome in a few words; what keeps a day from being published tells its remedy when the run fails."""
    if outcome.passed:
        return "no violations"
    told = [f"{count} violate: {name}" for name, count in outcome.violations.items() if count]
    is_warning = _severity(rule, outcome) == dg.AssetCheckSeverity.WARN
    return "; ".join([*told, outcome.remedy] if is_warning and outcome.remedy else told)


def _check_metadata(outcome: Outcome, rows: int | None) -> dict[str, Any]:
    """Counts of an outcome, and the violated conditions by name. What the rule is, is told of the check itself."""
    broken = {name: count for name, count in outcome.violations.items() if count}
    return {
        "violations": sum(outcome.violations.values()),
        **({"violated": dg.MetadataValue.json(broken)} if broken else {}),
        **({"rows": rows} if rows is not None else {}),
        **outcome.details,
    }


def check_specs(
    asset: Sequence[str], rules: Sequence[Rule], partitions: dg.PartitionsDefinition
) -> list[dg.AssetCheckSpec]:
    """The rules of an asset as Dagster knows them."""
    return [
        dg.AssetCheckSpec(
            rule.name,
            asset=dg.AssetKey(asset),
            partitions_def=None if rule.of_run else partitions,
            blocking=rule.blocking,
            description=rule.description,
            metadata={"conditions": dg.MetadataValue.json(list(rule.conditions))},
        )
        for rule in rules
    ]


def column_schema(contract: type[Contract], settings: Settings) -> dg.TableSchema:
    """A contract as the Dagster UI shows it: columns, types, descriptions with their origin, constraints.

    The origin is told in words too, because Dagster's own UI does not draw column lineage.
    """
    origins = column_origins(contract, settings.campaigns)
    descriptions = contract.descriptions(settings.meanings)
    columns = []
    for name, column in contract.columns().items():
        conditions = [rule.name for rule in contract.rules() if rule.column == name and "not null" not in rule.name]
        columns.append(
            dg.TableColumn(
                name,
                column.dtype.type.simpleString(),
                description=descriptions[name] + (f" (from {', '.join(origins[name])})" if name in origins else ""),
                constraints=dg.TableColumnConstraints(
                    nullable=column.nullable, unique=contract.key() == [name], other=conditions or None
                ),
            )
        )
    return dg.TableSchema(columns, constraints=dg.TableConstraints(other=list(contract._row_rules)))


def preview(frame: DataFrame) -> dg.TableMetadataValue | dg.TextMetadataValue:
    """What a look at the rows would tell, without showing one: per column its type, how much is filled, the mean of numbers.

    Rows belong to customers, and Dagster keeps its event log when they are erased. Of few rows there are no means either.
    """
    fields = frame.schema.fields
    numbers = [field.name for field in fields if isinstance(field.dataType, T.NumericType)]
    counts = [F.count(field.name).alias(f"filled_{n}") for n, field in enumerate(fields)]
    means = [F.avg(F.col(name).cast("double")).alias(f"mean_{n}") for n, name in enumerate(numbers)]
    found = frame.agg(F.count(F.lit(1)).alias("rows"), *counts, *means).collect()[0]
    if not found["rows"]:
        return dg.MetadataValue.text("no rows")
    averages = {name: found[f"mean_{n}"] for n, name in enumerate(numbers) if found["rows"] >= _ROWS_FOR_A_MEAN}
    return dg.MetadataValue.table(
        [
            dg.TableRecord(
                {
                    "column": field.name,
                    "type": field.dataType.simpleString(),
                    "filled": f"{found[f'filled_{n}'] / found['rows']:.1%}",
                    "mean": "" if (mean := averages.get(field.name)) is None else f"{mean:,.3f}",
                }
            )
            for n, field in enumerate(fields)
        ]
    )
