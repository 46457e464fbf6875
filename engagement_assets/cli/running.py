"""Commands that build snapshots and say what they hold: `engagement run | summary`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import typer
from rich.markup import escape

from engagement_assets.cli.console import (
    AcceptMissing,
    Commands,
    DateOption,
    UsageError,
    complain,
    in_spans,
    iso_day,
    parse_day,
    print_table,
    progress_bar,
    say,
)
from engagement_assets.settings import Settings

commands = Commands()


@commands.command()
def run(
    day: DateOption = None,
    first: Annotated[str | None, typer.Option("--from", help="First day of a range.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day of a range.")] = None,
    accept_missing: AcceptMissing = None,
) -> None:
    """Build the snapshots of a day (default: yesterday) or of a range of days, and export them."""
    if day and (first or last):
        raise UsageError("give either --date or --from and --to")
    if bool(first) != bool(last):
        raise UsageError("a range needs both --from and --to")
    settings = Settings()
    yesterday = datetime.now(settings.zone).date() - timedelta(days=1)
    wanted = first or day
    begin = parse_day(wanted) if wanted else yesterday
    end = parse_day(last) if last else begin
    days = f"{begin}" if begin == end else f"{begin} to {end}"
    # Only now, because it takes a moment.
    from engagement_assets.operations.dagster_home import local_instance
    from engagement_assets.operations.runs import run_days
    from engagement_assets.pipeline.progress import Progress as Step

    started = datetime.now(settings.zone)
    with local_instance() as instance, progress_bar() as bar:
        task = bar.add_task("starting", total=None, days=days)

        def listen(step: Step) -> None:
            bar.update(task, total=step.total, completed=step.done, description=step.doing)

        outcome = run_days(settings, begin, end, instance, listen, accept_missing or ())
    seconds = (datetime.now(settings.zone) - started).total_seconds()
    if not outcome.success:
        complain(f"[red]Failed[/red] after {seconds:.1f} s (run {outcome.run_id}):")
        for asset, cause in outcome.failures.items():
            complain(f"  {asset}: {cause}", markup=False)
        raise typer.Exit(1)
    say(f"[green]Published[/green] {days} in {seconds:.1f} s (run {outcome.run_id})")
    summarize(settings, end.isoformat())
    # Only now, because it takes a moment.
    from engagement_assets.lake import staleness
    from engagement_assets.lake.tables import LakeResource

    old = {day for each in staleness.outdated(LakeResource.of(settings), settings).values() for day in each}
    if old:
        say(
            f"{len(old)} published day(s) are older than what they are built from, {in_spans(old)}: "
            "[bold]engagement refresh[/bold] rebuilds them"
        )


@commands.command()
def summary(day: DateOption = None) -> None:
    """What a snapshot says: segments, high-risk customers with reasons, where the files are."""
    summarize(Settings(), iso_day(day))


def summarize(settings: Settings, day: str | None) -> None:
    """Print what a snapshot (default: the latest) says."""
    from engagement_assets.analysis.report import snapshot_report
    from engagement_assets.domain.money import cents, whole

    report = snapshot_report(settings, day)
    metrics = report.metrics
    say("")
    say(f"[bold]Customers as of {report.as_of_date}[/bold] ({report.snapshots} snapshot(s) published)")
    # Without customers every share is nothing of nothing.
    everybody = metrics["customers"] or 1
    print_table(
        ("Segment", "Customers", "Share", "Revenue so far"),
        (
            (segment, f"{customers:,}", f"{customers / everybody:.1%}", whole(revenue, settings.currency))
            for segment, customers, revenue in report.segments
        ),
        to_the_right=("Customers", "Share", "Revenue so far"),
    )
    slipping, revenue = metrics["slipping_customers"] or 0, metrics["slipping_revenue"] or 0
    spent_by_them = whole(revenue, settings.currency)
    say(
        f"\n[bold]{slipping:,} customers are slipping[/bold] and can still be saved; they spent {spent_by_them} in a year"
        + ("; the most valuable of them:" if slipping else "")
    )
    if slipping:
        print_table(
            ("Customer", "Revenue of a year", "Why"),
            ((customer, cents(spent, settings.currency), why) for customer, spent, why in report.slipping),
            to_the_right=("Revenue of a year",),
        )
    say(f"{metrics['high_risk_customers']:,} customers are at high risk by their score.")
    kept_out = ", ".join(f"{rows:,} {reason}" for reason, rows in report.rejected) or "none"
    say(f"\nRows kept out ([bold]engagement rejects[/bold]): {kept_out}")
    say(f"CSV files for BI tools, and a Power BI project over them: {escape(settings.export)}")
    say("Dashboard: [bold]make dashboard[/bold]; Dagster UI: [bold]make dev[/bold]; open the address it prints")
