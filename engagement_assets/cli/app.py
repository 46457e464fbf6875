"""The command line: `engagement run | show | export | calibrate | sample | settings | doctor`; upkeep is beside it."""

from __future__ import annotations

import gc
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from engagement_assets.cli import analysis, upkeep
from engagement_assets.cli import power_bi as power_bi_command
from engagement_assets.cli.console import (
    DateOption,
    UsageError,
    err,
    friendly,
    leave,
    out,
    parse_day,
    parse_instant,
    progress_bar,
)
from engagement_assets.settings import PREFIX, Settings

#: New objects after which Python looks for garbage. Its default is 700, and loading Dagster and Spark makes a million that stay.
_OBJECTS_BEFORE_A_SEARCH = 100_000

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Customer engagement intelligence: who is valuable, who is slipping away, and why, as of any day.",
)
app.add_typer(upkeep.commands)
app.add_typer(analysis.commands)
app.add_typer(power_bi_command.commands)


@app.command()
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
        err.print(f"[red]Failed[/red] after {seconds:.1f} s (run {outcome.run_id}):", highlight=False)
        for asset, cause in outcome.failures.items():
            err.print(f"  {asset}: {cause}", highlight=False, markup=False, soft_wrap=True)
        raise typer.Exit(1)
    out.print(
        f"[green]Published[/green] {days} in {seconds:.1f} s (run {outcome.run_id})", highlight=False, soft_wrap=True
    )
    summarize(settings, end)


@app.command()
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
    out.print(
        f"[bold]Customers as of {report.as_of_date}[/bold] ({report.snapshots} snapshot(s) published)", highlight=False
    )
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
        highlight=False,
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
    out.print(f"\nRows kept out ([bold]engagement rejects[/bold]): {kept_out}", highlight=False, soft_wrap=True)
    out.print(
        f"CSV files for BI tools, and a Power BI project over them: {settings.export}", highlight=False, soft_wrap=True
    )
    out.print("Dashboard: [bold]make dashboard[/bold]; Dagster UI: [bold]make dev[/bold]; open the address it prints")


@app.command()
@friendly
def show(
    table: Annotated[str, typer.Argument(help="A table, for example engagement_scores.")],
    day: DateOption = None,
    known_on: Annotated[
        str | None, typer.Option(help="The version that was current then: a day (its end) or a time, YYYY-MM-DDTHH:MM.")
    ] = None,
    customer: Annotated[str | None, typer.Option(help="Rows of one customer only.")] = None,
    columns: Annotated[str | None, typer.Option(help="Columns, separated by commas.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Rows at the most.")] = 20,
) -> None:
    """Show rows of a published table (default: its latest day)."""
    from engagement_assets.analysis.report import read_table

    settings = Settings()
    chosen = [name.strip() for name in columns.split(",")] if columns else None
    when = parse_instant(known_on, settings.zone) if known_on else None
    found = read_table(settings, table, parse_day(day).isoformat() if day else None, customer, chosen, limit, when)
    if len(found.rows) == 1:
        upright = Table("column", "value", box=None, pad_edge=False)
        for name, value in zip(found.columns, found.rows[0], strict=True):
            upright.add_row(name, _shown(value))
        out.print(upright)
    else:
        grid = Table(*found.columns, box=None, pad_edge=False)
        for row in found.rows:
            grid.add_row(*[_shown(value) for value in row])
        out.print(grid)
    where = f" of {found.partition}" if found.partition else ""
    known = f", as known on {when:%Y-%m-%d %H:%M %Z}" if when else ""
    out.print(f"{len(found.rows)} of {found.total:,} rows{where}{known}", highlight=False)


def _shown(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)


@app.command()
@friendly
def rejects(
    source: Annotated[str | None, typer.Option(help="customers, orders or web_events.")] = None,
    reason: Annotated[str | None, typer.Option(help="Rows kept out for this reason only.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="Rows at the most.")] = 20,
) -> None:
    """Show which source rows were kept out, and why. The rows are personal data."""
    from engagement_assets.analysis.rejected_rows import REASONS, one_line, rejected_rows

    found = rejected_rows(Settings(), source, reason, limit)
    if not found.counts:
        out.print("No rows were kept out.")
        return
    counts = Table("Source", "Reason", "Rows", "What it means", "What to do", box=None, pad_edge=False)
    for count in found.counts:
        counts.add_row(count.source, count.reason, f"{count.rows:,}", *REASONS.get(count.reason, ("", "")))
    out.print(counts)
    if found.rows:
        out.print("\nThe rows below are personal data: do not pass them on.\n", style="bold")
        for row in found.rows:
            out.print("  ".join(one_line(part) for part in row if part), highlight=False, markup=False, soft_wrap=True)
    out.print(f"\n{len(found.rows)} of {found.total:,} rows", highlight=False)


@app.command()
@friendly
def export(
    day: DateOption = None,
    folder: Annotated[str | None, typer.Option("--to", help="Folder of the CSV files.")] = None,
) -> None:
    """Write the CSV files of a snapshot (default: the latest) and the daily metrics of all days."""
    from engagement_assets.exports.csv_files import export_csv
    from engagement_assets.lake.tables import LakeResource

    settings = Settings()
    written = export_csv(LakeResource.of(settings), settings, folder, parse_day(day).isoformat() if day else None)
    out.print(f"Snapshot of {written.as_of_date}:", highlight=False)
    for file in written.files:
        out.print(f"  {file.path}  {file.rows:,} rows", highlight=False, soft_wrap=True)


@app.command()
@friendly
def calibrate(day: DateOption = None) -> None:
    """Propose fixed bounds for the reference score from a snapshot, and show how its segments share the customers."""
    from engagement_assets.analysis.report import propose_bounds

    settings = Settings()
    proposal = propose_bounds(settings, parse_day(day).isoformat() if day else None)
    table = Table("Measure", "Now", "Proposed", "Beyond the current bounds", box=None, pad_edge=False)
    for bound in proposal.bounds:
        table.add_row(
            bound.measure,
            f"{bound.current.low:g} to {bound.current.high:g}",
            f"{bound.proposed.low:g} to {bound.proposed.high:g}",
            f"{bound.beyond:.1%} of customers",
        )
    out.print(f"Reference bounds from the snapshot of {proposal.as_of_date}:\n", highlight=False)
    out.print(table)
    out.print("\nTo use them, set (older snapshots then show as outdated until they are rebuilt):\n")
    for bound in proposal.bounds:
        name = f"{PREFIX}SCORING__{bound.setting.upper()}"
        out.print(
            f"export {name}__LOW={bound.proposed.low:g} {name}__HIGH={bound.proposed.high:g}",
            highlight=False,
            soft_wrap=True,
        )
    shares = Table("Segment", "Customers", "From a score of", "By quantiles", "Same as from", box=None, pad_edge=False)
    for each in proposal.segments:
        shares.add_row(
            each.segment,
            f"{each.share:.1%}",
            "" if each.threshold is None else f"{each.threshold:g}",
            f"{each.wanted_share:.0%}",
            "" if each.equal_threshold is None else f"{each.equal_threshold:.3f}",
        )
    mode = settings.scoring.segment_mode
    out.print(f"\nSegments (ENGAGEMENT_SCORING__SEGMENT_MODE={mode}):\n", highlight=False)
    out.print(shares)
    out.print(
        "\nThresholds let shares vary from day to day; quantiles fix the shares, and a customer may move because others did."
        "\nEach version of a table records the settings it was made with (Dagster UI, Delta history).",
        highlight=False,
        soft_wrap=True,
    )


@app.command()
@friendly
def sample(
    to: Annotated[Path, typer.Option(help="Folder to write the sources into.")] = Path("data/sample"),
    customers: Annotated[int, typer.Option(min=1, help="Number of customers.")] = 600,
    first: Annotated[str, typer.Option("--from", help="First day.")] = "2025-01-01",
    last: Annotated[str, typer.Option("--to-date", help="Last day.")] = "2026-06-30",
    seed: Annotated[int, typer.Option(help="Same seed, same data.")] = 7,
    clean: Annotated[bool, typer.Option("--clean", help="No bad rows.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
) -> None:
    """Generate sources with believable behaviour and a small share of every kind of bad row."""
    from engagement_assets.sample_data import generate

    begin, end = parse_day(first), parse_day(last)
    with err.status(f"generating {customers:,} customers"):
        made = generate(
            to, customers=customers, first_day=begin, last_day=end, seed=seed, bad_rows=not clean, overwrite=overwrite
        )
    out.print(
        f"{made.customers:,} customers, {made.orders:,} orders, {made.events:,} events from {begin} to {end} in {to}",
        highlight=False,
        soft_wrap=True,
    )
    out.print(f"Use them with {PREFIX}DATA={to} {PREFIX}START_DATE={begin}", highlight=False)


@app.command()
@friendly
def dashboard(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8050,
    host: Annotated[
        str, typer.Option(help="Address to listen on; by default only this machine sees it.")
    ] = "127.0.0.1",
) -> None:
    """Start the web dashboard on the published tables (default: http://127.0.0.1:8050)."""
    from engagement_assets.dashboard.server import serve

    serve(Settings(), port, host, lambda line: out.print(line, highlight=False, markup=False, soft_wrap=True))


#: Settings that are groups of settings.
_POLICIES = ("scoring", "campaigns", "monitoring")


@app.command("settings")
@friendly
def show_settings() -> None:
    """Show every setting: its value, environment variable and meaning."""
    settings = Settings()
    table = Table("Environment variable", "Value", "Meaning", box=None, pad_edge=False)
    for name, field in Settings.model_fields.items():
        if name in _POLICIES:
            continue
        changed = getattr(settings, name) != field.get_default(call_default_factory=True)
        table.add_row(PREFIX + name.upper(), _setting(getattr(settings, name), changed), field.description)
    for part in _POLICIES:
        policy = getattr(settings, part)
        for name, field in type(policy).model_fields.items():
            value = getattr(policy, name)
            changed = value != field.default
            variable = f"{PREFIX}{part.upper()}__{name.upper()}"
            if hasattr(value, "low"):
                variable += "__LOW, __HIGH"
                value = f"{value.low:g}, {value.high:g}"
            table.add_row(variable, _setting(value, changed), field.description)
    out.print(table)
    out.print(
        f"\nScoring policy {settings.scoring.fingerprint()}; [bold]bold[/bold] values differ from the defaults.",
        highlight=False,
    )


def _setting(value: object, changed: bool) -> str:
    text = ", ".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value).replace("None", "none")
    return f"[bold]{text}[/bold]" if changed else text


@app.command()
@friendly
def doctor() -> None:
    """What is installed, which engines work here, what the sources and tables hold, what to do if something is missing."""
    from engagement_assets.operations.doctor import examine

    table = Table("", "What", "Found", box=None, pad_edge=False)
    findings = examine(Settings())
    marks = {"good": "[green]ok[/green]", "note": "[yellow]note[/yellow]", "bad": "[red]bad[/red]"}
    for finding in findings:
        table.add_row(marks[finding.grade], finding.what, finding.found)
    out.print(table)
    if any(finding.grade == "bad" for finding in findings):
        raise typer.Exit(1)


def run_command_line() -> None:
    """Carry out what the command line says, and end the process."""
    gc.set_threshold(_OBJECTS_BEFORE_A_SEARCH)
    try:
        app()
    except SystemExit as ended:
        leave(ended)
