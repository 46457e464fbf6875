"""Commands that show rows: `engagement show | rejects`."""

from __future__ import annotations

from typing import Annotated

import typer

from engagement_assets.cli.console import Commands, DateOption, iso_day, parse_instant, print_table, say
from engagement_assets.domain.sources import SOURCES, in_words
from engagement_assets.domain.verdicts import REASONS
from engagement_assets.settings import Settings

commands = Commands()


@commands.command()
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
    found = read_table(settings, table, iso_day(day), customer, chosen, limit, when)
    rows = [[_shown(value) for value in row] for row in found.rows]
    if len(rows) == 1:
        print_table(("column", "value"), zip(found.columns, rows[0], strict=True))
    else:
        print_table(found.columns, rows)
    where = f" of {found.partition}" if found.partition else ""
    known = f", as known on {when:%Y-%m-%d %H:%M %Z}" if when else ""
    say(f"{len(found.rows)} of {found.total:,} rows{where}{known}")


def _shown(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)


@commands.command()
def rejects(
    source: Annotated[str | None, typer.Option(help=f"{in_words(SOURCES, 'or')}.")] = None,
    reason: Annotated[str | None, typer.Option(help="Rows kept out for this reason only.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="Rows at the most.")] = 20,
) -> None:
    """Show which source rows were kept out, and why. The rows are personal data."""
    from engagement_assets.analysis.rejected_rows import one_line, rejected_rows

    found = rejected_rows(Settings(), source, reason, limit)
    if not found.counts:
        say("No rows were kept out.")
        return
    print_table(
        ("Source", "Reason", "Rows", "What it means", "What to do"),
        ((of, why, f"{rows:,}", *REASONS.get(why, ("", ""))) for of, why, rows in found.counts),
    )
    if found.rows:
        say("\nThe rows below are personal data: do not pass them on.\n", style="bold")
        for row in found.rows:
            say("  ".join(one_line(part) for part in row if part), markup=False)
    say(f"\n{len(found.rows)} of {sum(rows for *_, rows in found.counts):,} rows")
