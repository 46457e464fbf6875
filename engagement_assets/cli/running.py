"""Commands that build snapshots and say what they hold: `engagement run | summary`."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Annotated

import typer
from rich.table import Table

from engagement_assets.cli.console import (
    DateOption,
    UsageError,
    err,
    friendly,
    out,
    parse_day,
    progress_bar,
)
from engagement_assets.settings import Settings

commands = typer.Typer()


@commands.command()
@friendly
def run(
    day: DateOption = None,
    first: Annotated[str | None, typer.Option("--from", help="First day of a range.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day of a range.")] = None,
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

        outcome = run_days(settings, begin, end, instance, listen)
    seconds = (datetime.now(settings.zone) - started).total_seconds()
    if not outcome.success:
        err.print(f"[red]Failed[/red] after {seconds:.1f} s (run {outcome.run_id}):")
        for asset, cause in outcome.failures.items():
            err.print(f"  {asset}: {cause}", markup=False, soft_wrap=True)
        raise typer.Exit(1)
    out.print(f"[green]Published[/green] {days} in {seconds:.1f} s (run {outcome.run_id})", soft_wrap=True)
    summarize(settings, end)


@commands.command()
@friendly
def summary(day: DateOption = None) -> None:
    """What a snapshot says: segments, high-risk customers with reasons, where the files are."""
    summarize(Settings(), parse_day(day) if day else None)


def summarize(settings: Settings, day: date | None = None) -> None:
    """Print what a snapshot (default: the latest) says."""
    from engagement_assets.analysis.report import snapshot_report

    report = snapshot_report(settings, day.isoformat() if day else None)
    metrics = report.metrics
    out.print()
    out.print(f"[bold]Customers as of {report.as_of_date}[/bold] ({report.snapshots} snapshot(s) published)")
    table = Table(box=None, pad_edge=False)
    for name in ("Segment", "Customers", "Share", "Revenue so far"):
        table.add_column(name, justify="left" if name == "Segment" else "right")
    for segment, customers, revenue in report.segments:
        share = customers / metrics["customers"] if metrics["customers"] else 0
        table.add_row(segment, f"{customers:,}", f"{share:.1%}", f"{revenue:,.2f}")
    out.print(table)
    risk = metrics["high_risk_customers"]
    out.print(
        f"\n[bold]{risk:,} customers at high risk[/bold], who have spent {metrics['revenue_at_risk']:,.2f} so far; "
        "the most valuable of them:",
    )
    risky = Table(box=None, pad_edge=False)
    risky.add_column("Customer")
    risky.add_column("Score", justify="right")
    risky.add_column("Revenue", justify="right")
    risky.add_column("Why")
    for customer, score, revenue, reasons in report.at_risk:
        risky.add_row(customer, f"{score:.3f}", f"{revenue:,.2f}", reasons)
    out.print(risky)
    kept_out = ", ".join(f"{rows:,} {reason}" for reason, rows in report.rejected) or "none"
    out.print(f"\nRows kept out ([bold]engagement rejects[/bold]): {kept_out}", soft_wrap=True)
    out.print(f"CSV files for BI tools, and a Power BI project over them: {settings.export}", soft_wrap=True)
    out.print("Dashboard: [bold]make dashboard[/bold]; Dagster UI: [bold]make dev[/bold]; open the address it prints")
