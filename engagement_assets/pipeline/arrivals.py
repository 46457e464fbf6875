"""New and changed source files: noticed by listing them, examined by a run, and then built in by exactly the runs needed.

Three steps, so that each is cheap: the sensor `new_source_files` lists files and reads none; the job `examine_sources` reads the
sources as a run does, publishes nothing, and records which published days they no longer agree with; the sensor
`refresh_outdated` (in `automation`) asks for the runs that build these days and what depends on them.
"""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import dagster as dg

from engagement_assets.dagster_internals.names import UNFINISHED
from engagement_assets.dagster_internals.shop_runs import runs_of, shop_tags
from engagement_assets.domain.contracts import TABLES, Contract
from engagement_assets.lake.tables import LakeResource
from engagement_assets.pipeline.rebuild_plan import make_plan
from engagement_assets.settings import Settings
from engagement_assets.sources.finding import SourcesResource, hash_of
from engagement_assets.sources.incremental import last_read

EXAMINE_JOB = "examine_sources"

NEW_FILES_SENSOR = "new_source_files"

#: How often files are listed, seconds. A file that is still being copied differs between two looks, and is waited for.
_LOOK_SECONDS = 60

#: Name of the note about the last examination.
_EXAMINATION = "examination"


@dataclass(frozen=True)
class Examination:
    """What an examination of the sources found: the files it read, when it began, the published days that they change."""

    #: Hash of the files of each source.
    files: Mapping[str, str]
    #: Milliseconds of Unix time.
    began: int
    #: Table -> days.
    changed: Mapping[str, list[str]]


def listing(settings: Settings) -> dict[str, str]:
    """The hash of each source's files: by their names, sizes and times or tags. No file is opened."""
    sources = SourcesResource.of(settings)
    return {source: hash_of(sources.find(source)) for source in settings.sources_there}


def last_examination(lake: LakeResource) -> Examination | None:
    """What was recorded last; None if there is nothing. Losing it costs another examination."""
    try:
        found = lake.notes.read(_EXAMINATION)
        return Examination(dict(found["files"]), int(found["began"]), dict(found["changed"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_by_run(lake: LakeResource, source: str, files: str) -> None:
    """A run has read a source: if its files (their hash) are not those that were examined, what was examined counts no more.

    Otherwise files that went away, were done without, and came back would be taken for known.
    """
    known = last_examination(lake)
    if known is not None and known.files.get(source) != files:
        lake.notes.write(_EXAMINATION, asdict(replace(known, files={**known.files, source: ""})))


def pending(lake: LakeResource) -> dict[type[Contract], list[str]]:
    """Published days that the sources have changed and that were not written since that was found."""
    found = last_examination(lake)
    if found is None:
        return {}
    days = {}
    for table, changed in found.changed.items():
        written = lake.written_at(TABLES[table]) if changed else {}
        if left := [day for day in changed if 0 < written.get(day, 0) < found.began]:
            days[TABLES[table]] = left
    return days


def is_new(lake: LakeResource, found: Mapping[str, str]) -> bool:
    """Whether there are files that neither an examination nor a run has read.

    Runs bring orders and web events up to date whatever their days, but write the customers of the days asked for only: a
    changed customers file has to be examined.
    """
    known = last_examination(lake)
    if known is None:
        return True
    if dict(known.files) == dict(found):
        return False
    if known.files.get("customers") != found["customers"]:
        return True
    for source, files in found.items():
        read = last_read(lake, source)
        by_run = read is not None and (read.basis.files, read.basis.customers) == (files, found["customers"])
        if not by_run and known.files.get(source) != files:
            return True
    return False


def build_arrivals(settings: Settings, status: dg.DefaultSensorStatus) -> tuple[dg.JobDefinition, dg.SensorDefinition]:
    """The job that examines the sources, and the sensor that asks for it."""

    @dg.op(
        description="Reads the sources as a run does, publishes nothing, and records which published days they change."
    )
    def examine(context: dg.OpExecutionContext) -> None:
        lake = LakeResource.of(settings)
        with lake.writing(context.run_id, context.log.info):  # nobody publishes meanwhile
            began = int(time.time() * 1000)
            files = listing(settings)
            plan = make_plan(settings, lake)
            changed = {contract.table(): list(days) for contract, days in plan.changed.items()}
            lake.notes.write(_EXAMINATION, asdict(Examination(files, began, changed)))
        for table, days in changed.items():
            context.log.info(f"{table}: {len(days)} published day(s) are no longer what the sources say")
        if plan.damaged:
            context.log.warning(
                f"{len(plan.damaged)} published file(s) are damaged; `engagement refresh` rebuilds them"
            )
        context.add_output_metadata({"changed_days": {table: len(days) for table, days in changed.items()}})

    @dg.job(
        name=EXAMINE_JOB,
        executor_def=dg.in_process_executor,
        tags=shop_tags(settings.asset_key_prefix),
        description="Finds out which published days new or changed source files concern; builds nothing.",
    )
    def examine_sources() -> None:
        examine()

    @dg.sensor(
        name=NEW_FILES_SENSOR,
        job=examine_sources,
        minimum_interval_seconds=_LOOK_SECONDS,
        default_status=status,
        description="Notices new and changed source files by listing them, and asks once for the run that examines them.",
    )
    def new_source_files(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        lake = LakeResource.of(settings)
        if not any(lake.partitions(TABLES[f"raw_{source}"]) for source in settings.sources_there):
            return dg.SkipReason("nothing is published yet; the first run reads everything")
        found = listing(settings)
        if not is_new(lake, found):
            return dg.SkipReason("every file has been read")
        seen = hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()[:16]
        # Remembered: the hash of the files that were seen last, and of those that a run was asked for.
        seen_before, _, asked = (context.cursor or "").partition(":")
        context.update_cursor(f"{seen}:{asked}")
        if seen == asked:
            return dg.SkipReason("the run that reads the new files was asked for already")
        if seen != seen_before:
            return dg.SkipReason(
                "files are new or changed; waiting until they stay as they are from one look to the next"
            )
        last = last_examination(lake)
        minutes = (time.time() * 1000 - last.began) / 60_000 if last else settings.examine_minutes
        if 0 <= minutes < settings.examine_minutes:
            return dg.SkipReason(
                f"the sources were examined {minutes:.0f} minutes ago; ENGAGEMENT_EXAMINE_MINUTES says how often they may be"
            )
        if any(runs_of(context.instance, settings.asset_key_prefix, dg.RunsFilter(statuses=UNFINISHED))):
            return dg.SkipReason("a run is under way; it may be reading them")
        context.update_cursor(f"{seen}:{seen}")
        return dg.RunRequest(run_key=f"{seen}:{last.began if last else 0}")

    return examine_sources, new_source_files
