"""Commands that keep the tables true and tidy: `engagement refresh | rebuild | vacuum | forget`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from engagement_assets.cli.console import (
    AcceptMissing,
    Commands,
    UsageError,
    complain,
    err,
    in_spans,
    parse_day,
    print_table,
    progress_bar,
    say,
)
from engagement_assets.settings import Settings

if TYPE_CHECKING:
    from engagement_assets.lake.tables import LakeResource
    from engagement_assets.operations.refresh import Refreshed
    from engagement_assets.pipeline.rebuild_plan import Plan

commands = Commands()

#: Files that are named in a list.
_LISTED = 100


@commands.command()
def refresh(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what is outdated.")] = False,
    first: Annotated[str | None, typer.Option("--from", help="Leave earlier days as they are.")] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare every published file with its checksum as well.")
    ] = False,
    accept_missing: AcceptMissing = None,
) -> None:
    """Read the sources again and rebuild exactly the published days that are no longer what they say."""
    since = parse_day(first) if first else None
    settings = Settings()
    # Only now, because it takes a moment.
    from engagement_assets.lake.tables import LakeResource
    from engagement_assets.pipeline.rebuild_plan import make_plan

    lake = LakeResource.of(settings)
    with err.status("reading the sources"):
        plan = make_plan(settings, lake, since=since, verify=verify, accept_missing=tuple(accept_missing or ()))
    for damage in plan.damaged:
        complain(f"[yellow]Damaged[/yellow] {escape(str(damage))}")
    if plan.unverified:
        tables = ", ".join(contract.table() for contract in plan.unverified)
        complain(
            f"[yellow]Not verifiable[/yellow]: an earlier release wrote {sum(plan.unverified.values()):,} file(s), of {tables}, "
            "and kept no checksums. They can be read to their end; whether they hold what was written cannot be told until their "
            "days are written again."
        )
    _tell_policies(settings, lake)
    if not plan.outdated:
        whole = verify and not plan.damaged and not plan.unverified
        say("Every published day is what the sources say." + " Every file is what was written." * whole)
        return
    rows = []
    for contract, days in plan.outdated.items():
        own = len(plan.changed.get(contract, ()))
        why = f"rows of {own} changed at the source" if own else "older than what they are built from"
        if plan.otherwise.get(contract):
            why = f"{len(plan.otherwise[contract])} made with other settings or other code" + (
                f"; {why}" if own else ""
            )
        if any(damage.contract is contract for damage in plan.damaged):
            why += ", or damaged"
        rows.append((contract.table(), str(len(days)), in_spans(days), why))
    print_table(("Table", "Days", "Which", "Why"), rows)
    if dry_run:
        say(f"`engagement refresh{' --verify' * verify}` rebuilds them in {len(plan.steps)} run(s).")
        return
    done = _carried_out(settings, lake, plan)
    if not done.success:
        failed = "[red]Failed[/red]; what was rebuilt before stays, the rest is as it was."
        complain(
            "The sources changed while they were read: run `engagement refresh` once more." if done.left else failed
        )
        raise typer.Exit(1)
    rebuilt = {day for days in plan.outdated.values() for day in days}
    say(f"[green]Rebuilt[/green] {len(rebuilt)} day(s) in {len(plan.steps)} run(s).")


def _tell_policies(settings: Settings, lake: LakeResource) -> None:
    """Say which scoring policy the published days of the scores were made with, where they are several or not that in force."""
    from engagement_assets.lake.staleness import policies

    days: dict[str, list[str]] = {}
    for day, policy in policies(lake).items():
        days.setdefault(policy, []).append(day)
    if set(days) - {settings.scoring.fingerprint()}:
        in_force = settings.scoring.fingerprint()
        rows = [
            (policy, "in force" * (policy == in_force), str(len(each)), in_spans(each)) for policy, each in days.items()
        ]
        print_table(("Scoring policy", "", "Days of scores", "Which"), rows)


def _carried_out(settings: Settings, lake: LakeResource, plan: Plan) -> Refreshed:
    """Build what a plan lists, with a progress bar; says what failed."""
    from engagement_assets.operations.dagster_home import local_instance
    from engagement_assets.operations.refresh import carry_out
    from engagement_assets.pipeline.progress import Progress as Progressed

    with local_instance() as instance, progress_bar() as bar:
        task = bar.add_task("starting", total=None, days=f"{len(plan.steps)} run(s)")

        def listen(step: Progressed) -> None:
            bar.update(task, description=step.doing)

        done = carry_out(settings, lake, plan, instance, listen)
    for run in done.runs:
        for asset, cause in run.failures.items():
            complain(f"  {asset}: {cause}", markup=False)
    return done


@commands.command()
def rebuild(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what does not fit.")] = False,
    accept_missing: AcceptMissing = None,
) -> None:
    """After an upgrade: build the tables anew whose columns do not fit this version, and what is built from them."""
    settings = Settings()
    # Only now, because it takes a moment.
    from engagement_assets.lake.tables import LakeResource
    from engagement_assets.pipeline.rebuild_plan import make_rebuild_plan

    lake = LakeResource.of(settings)
    plan = make_rebuild_plan(settings, lake, tuple(accept_missing or ()))
    if not plan.schema_changes:
        say("The columns of every table fit this version.")
        return
    for contract, what in plan.schema_changes.items():
        say(f"[bold]{contract.table()}[/bold]: {'; '.join(what)}")
    for contract, days in plan.outdated.items():
        say(f"  {contract.table()}: {len(days)} day(s) to build, {in_spans(days)}")
    if dry_run:
        say(f"`engagement rebuild` builds them in {len(plan.steps)} run(s).")
        return
    done = _carried_out(settings, lake, plan)
    if not done.success:
        first, last = min(map(min, plan.outdated.values())), max(map(max, plan.outdated.values()))
        complain(
            f"[red]Failed[/red]; when its cause is mended, `engagement run --from {first} --to {last}` builds the rest. "
            "Earlier versions of the tables are kept as any replaced version is."
        )
        raise typer.Exit(1)
    say(f"[green]Rebuilt[/green] {len(plan.schema_changes)} table(s) in {len(plan.steps)} run(s).")


@commands.command()
def vacuum(
    days: Annotated[
        float | None, typer.Option(min=0, help="Keep replaced versions this long (default: the setting).")
    ] = None,
    hours: Annotated[
        float | None, typer.Option(min=0, help="Spare files of runs this young (default: the setting).")
    ] = None,
) -> None:
    """Remove versions that are past their time and what dead runs left behind. Runs do the same after they publish."""
    from engagement_assets.lake.tables import LakeResource

    removed = LakeResource.of(Settings()).vacuum(
        None if days is None else timedelta(days=days),
        None if hours is None else timedelta(hours=hours),
        complain,
    )
    for name, what in removed.items():
        if what.files:
            say(f"  {name}: {what.files:,} files, {what.size:,} bytes")
    total = sum(what.files for what in removed.values())
    say(f"{total:,} file(s) removed." if total else "There was nothing to remove.")


@commands.command()
def forget(
    customer: Annotated[str, typer.Argument(metavar="CUSTOMER_ID", help="The customer to erase.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase a customer from every table, earlier version, rejected row and exported file, and search for what is left."""
    if not customer.strip(" "):
        raise UsageError("a customer is named by an identifier; this one is empty")
    if any("\ud800" <= sign <= "\udfff" for sign in customer):
        raise UsageError("the identifier is no text in UTF-8")
    settings = Settings()
    if not yes:
        text = (
            "This cannot be undone, and earlier versions of the tables go with it, those of other customers too. Erase?"
        )
        typer.confirm(text, abort=True, err=True)
    from engagement_assets.lake import staleness
    from engagement_assets.lake.tables import LakeResource
    from engagement_assets.operations.erasure import UnknownCustomerError
    from engagement_assets.operations.erasure import forget as erase

    lake = LakeResource.of(settings)
    try:
        with err.status("erasing"):
            done = erase(settings, lake, customer, complain)
    except UnknownCustomerError as error:
        complain(f"[red]Unknown[/red]: {escape(str(error))}")
        raise typer.Exit(1) from None
    found = done.found
    for name, rows in done.rows.items():
        say(f"  {name}: {rows:,} row(s) erased")
    if not done.rows:
        say("  No row of this customer was stored.")
    say(f"  {done.files:,} file(s) with earlier versions or leftovers removed")
    _list("[yellow]Cannot be told[/yellow]:", found.unsure)
    _list("Not this product's, not touched, and the customer is named there:", found.yours)
    _list(
        "The sources name the customer; each run leaves their rows out until they are taken out there:", found.sources
    )
    if found.left:
        _list(f"[red]Still found[/red] in {len(found.left)} of {found.searched:,} files:", found.left)
        complain(
            "No run of this version puts rows there; delete these files, or what they belong to, by hand, and repeat this. "
            "Until then the identifier stays noted in the lake's folder .erased."
        )
        raise typer.Exit(1)
    say(f"[green]Erased[/green]: {found.searched:,} files were searched, and none that the product keeps is theirs.")
    say(
        f"Now take the customer out of the sources in {escape(settings.data)} and out of backups. Until then each run leaves "
        "their rows out, by a list of salted hashes in the lake; of lines that are no readable rows it can tell only some."
    )
    days = {day for each in staleness.outdated(lake, settings).values() for day in each}
    if days:
        say(
            f"Totals and scales of {len(days)} day(s) still count them, unnamed; `engagement refresh` rebuilds these days."
        )


def _list(heading: str, names: Sequence[str]) -> None:
    if names:
        complain(heading)
    for name in names[:_LISTED]:
        complain(f"  {name}", markup=False)
    if len(names) > _LISTED:
        complain(f"  and {len(names) - _LISTED:,} more")
