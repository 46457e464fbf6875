"""Commands that show rows: `engagement show | rejects`."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from engagement_assets.cli.console import (
    DateOption,
    friendly,
    out,
    parse_day,
    parse_instant,
)
from engagement_assets.domain.sources import SOURCES, in_words
from engagement_assets.domain.verdicts import REASONS
from engagement_assets.settings import Settings

commands = typer.Typer()


@commands.command()
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
    out.print(f"{len(found.rows)} of {found.total:,} rows{where}{known}")


def _shown(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)


@commands.command()
@friendly
def rejects(
    source: Annotated[str | None, typer.Option(help=f"{in_words(SOURCES, 'or')}.")] = None,
    reason: Annotated[str | None, typer.Option(help="Rows kept out for this reason only.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="Rows at the most.")] = 20,
) -> None:
    """Show which source rows were kept out, and why. The rows are personal data."""
    from engagement_assets.analysis.rejected_rows import one_line, rejected_rows

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
            out.print("  ".join(one_line(part) for part in row if part), markup=False, soft_wrap=True)
    out.print(f"\n{len(found.rows)} of {found.total:,} rows")
