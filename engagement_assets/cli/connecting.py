"""The command that gets to know somebody's files: `engagement connect`."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.markup import escape

from engagement_assets.cli.console import Commands, UsageError, complain, err, out, print_table, say
from engagement_assets.settings import PREFIX, Settings, is_url, local_path, today

if TYPE_CHECKING:
    from engagement_assets.sources.accounting import Reading
    from engagement_assets.sources.connect.proposals import Connection, Proposal

commands = Commands()

#: Days of the first snapshots that are proposed.
_DAYS = 90

#: Share of the rows that may lie before the proposed first day, and the days without any row after them.
_STRAY_SHARE = 0.001
_STRAY_GAP_DAYS = 60

#: Counts of an account -> what is said of them.
_BESIDE = {
    "summed": "further lines of orders, summed up",
    "filtered": "left out by a condition",
    "duplicates": "repeats",
    "superseded": "replaced by later ones",
    "blank": "blank lines",
    "waiting": "dated in the future",
}


@commands.command()
def connect(
    folder: Annotated[str, typer.Argument(help="Folder or URL with your files, or one file.")],
    to: Annotated[Path, typer.Option("--to", help="File to write.")] = Path("sources.toml"),
    yes: Annotated[bool, typer.Option("--yes", help="Take the best guess wherever it would be asked.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it is there.")] = False,
) -> None:
    """Find out what is in a folder of your files, write it down in sources.toml, try it, and say what to run."""
    # Only now, because it takes a moment.
    from engagement_assets.domain.source_mapping import parse_mappings
    from engagement_assets.lake.stores import replacing
    from engagement_assets.sources.connect.guessing import guess
    from engagement_assets.sources.connect.looking import look
    from engagement_assets.sources.connect.writing import as_text

    asks = not yes and _somebody_is_there()
    target = local_path(str(to))
    if target.is_dir():
        raise UsageError(f"{target} is a folder; --to names a file, for example {to / 'sources.toml'}")
    if (
        target.exists()
        and not overwrite
        and not (asks and typer.confirm(f"{target} is there already; replace it?", err=True))
    ):
        raise UsageError(
            f"{target} is there already and stays as it is; --to names another file, --overwrite replaces it"
        )
    settings = Settings()
    with err.status("looking at the files"):
        found = look(folder)
    if not asks and not yes:
        say("Nobody is there to ask: the best guesses are taken, as with --yes.\n")
    connection = guess(found, _AtTheTerminal() if asks else _BestGuess())
    _show(connection, found.place)
    for name, why in found.problems.items():
        complain(f"[yellow]Left out[/yellow] {escape(name)}: it is {escape(why)}")
    zone = _asked_zone(settings.timezone) if asks else settings.timezone
    text = as_text(connection)
    parse_mappings(text, str(target))
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as draft:
        draft.write_text(text, encoding="utf-8")
    say(f"\nWritten: {target}\n", markup=False)
    _try(
        settings.model_copy(update={"data": found.place, "sources": str(target), "timezone": zone}),
        connection.proposals,
    )


def _somebody_is_there() -> bool:
    return sys.stdin.isatty()


class _BestGuess:
    """Takes what is likeliest."""

    def choose(self, question: str, options: Sequence[str], best: int) -> int:
        return best

    def rate(self, question: str) -> Decimal | None:
        return None


class _AtTheTerminal:
    """Asks who sits there."""

    def choose(self, question: str, options: Sequence[str], best: int) -> int:
        say(f"\n{question}", markup=False)
        for number, option in enumerate(options, 1):
            say(f"  {number}  {option}", markup=False)
        while not 1 <= (chosen := typer.prompt("Number", default=best + 1, type=int)) <= len(options):
            say(f"A number from 1 to {len(options)} is meant")
        return int(chosen) - 1

    def rate(self, question: str) -> Decimal | None:
        while answer := str(typer.prompt(f"\n{question}", default="", show_default=False)).strip():
            try:
                if (rate := Decimal(answer)) > 0:
                    return rate
            except InvalidOperation:
                pass
            say("A number above zero is meant, as in 0.92")
        return None


def _asked_zone(best: str) -> str:
    while True:
        zone = str(typer.prompt("\nTime zone in which the days of the shop are cut", default=best))
        try:
            return ZoneInfo(zone).key
        except (ValueError, OSError, LookupError):
            say(f"{zone!r} is no IANA time zone; Europe/Berlin or UTC is one", markup=False)


def _show(connection: Connection, place: str) -> None:
    """What is proposed, a table for each source."""
    from engagement_assets.sources.connect.proposals import SURE

    say(f"[bold]{escape(place)}[/bold]")
    for source, proposal in connection.proposals.items():
        say(f"\n[bold]{source}[/bold]  {escape(_from_where(proposal))}")
        rows = [
            (name, guess.text, guess.looks, guess.why if guess.sure >= SURE else f"unsure: {guess.why}")
            for name, guess in proposal.columns.items()
        ]
        rows += [
            (key, _in_short(key, value), "", proposal.why.get(key, ""))
            for key, value in proposal.said.items()
            if key not in ("path", "delimiter", "encoding", "format")
        ]
        print_table(("", "Yours", "Looks like", "Why"), rows)
    for note in connection.notes:
        say(f"\n{note}", markup=False)
    out.print()


def _from_where(proposal: Proposal) -> str:
    table = proposal.table
    if table is None:
        return "from the rows of the others"
    how = [table.format if table.format == "delta" else {"parquet": "Parquet"}.get(table.format, table.format.upper())]
    if table.format == "csv":
        how.append({"\t": "tabs", ",": "commas", ";": "semicolons"}.get(table.text.delimiter, table.text.delimiter))
    if table.format in ("csv", "json") and table.text.encoding != "utf-8":
        how.append(table.text.encoding)
    files = f"{len(table.files):,} file{'s' * (len(table.files) > 1)}"
    return f"from {table.name} ({', '.join(how)}; {files}, {table.size / 1e6:,.1f} MB)"


def _in_short(key: str, value: Any) -> str:
    if key == "header":
        return f"{len(value)} names"
    if key == "event_types":
        return ", ".join(f"{name}: {meaning}" for name, meaning in value.items())
    if key == "joins":
        return ", ".join(f"{name} from {join['path']} by {join['on']}" for name, join in value.items())
    if key == "currency":
        return ", ".join(f"{code} {rate}" for code, rate in value["rates"].items())
    return (
        ", ".join(map(str, value)) if isinstance(value, list) else str(value).lower() if value is True else str(value)
    )


# ---- the trial -----------------------------------------------------------------------------------------------------------


def _try(settings: Settings, mapped: Iterable[str]) -> None:
    """Read the mapped sources without publishing anything, and say what came of it and what to run."""
    from engagement_assets.sources.ingestion import trial

    with err.status("trying it: reading all rows"):
        read = trial(settings)
    readings = {source: read[source] for source in mapped}
    rows = []
    for source, reading in readings.items():
        account, days = reading.account, sorted(reading.hashes)
        spans = (days[0].isoformat(), days[-1].isoformat()) if days else ("", "")
        rows.append((source, *(f"{n:,}" for n in (account.read, account.kept, account.rejected_rows)), *spans))
    numbers = ("Rows read", "Kept", "Rejected")
    print_table(("", *numbers, "First day", "Last day"), rows, to_the_right=numbers)
    for source, reading in readings.items():
        told = {**reading.account.rejected, **{what: getattr(reading.account, name) for name, what in _BESIDE.items()}}
        if parts := [f"{count:,} {what}" for what, count in told.items() if count]:
            say(f"  {source}: {', '.join(parts)}")
        for name, why in reading.inspection.unreadable.items():
            say(f"  {name}: {why}", markup=False)
    empty = [source for source, reading in readings.items() if not reading.account.kept]
    if empty:
        complain(f"[red]Nothing was kept of {', '.join(empty)}[/red]; docs/data_quality.md explains the reasons")
        raise typer.Exit(1)
    first, last = _days(readings, today(settings))
    begin = max(first, last - timedelta(days=_DAYS - 1))
    say(f"\nWhat to run next, for the last {(last - begin).days + 1} days of the data:\n")
    for name, value in _environment(settings, first).items():
        say(f"export {PREFIX}{name}={shlex.quote(value)}", markup=False)
    say(f"engagement run --from {begin} --to {last}", markup=False)
    say("engagement dashboard")


def _days(readings: Mapping[str, Reading], now: date) -> tuple[date, date]:
    """The first day of orders and events, but for a few stray rows long before the others, and the last day that is over."""
    counts: dict[date, int] = {}
    for source, reading in readings.items():
        if source != "customers":
            for day, found in reading.hashes.items():
                counts[day] = counts.get(day, 0) + found.rows
    days, before = sorted(counts), 0
    first = days[0]
    for day, following in pairwise(days):
        before += counts[day]
        if before > _STRAY_SHARE * sum(counts.values()):
            break
        if (following - day).days > _STRAY_GAP_DAYS:
            first = following
    return first, max(first, min(days[-1], now - timedelta(days=1)))


def _environment(settings: Settings, first: date) -> dict[str, str]:
    """Names and values of the environment variables to set; tables of other sources are not touched."""
    values = {"DATA": settings.data, "SOURCES": str(settings.sources), "START_DATE": first.isoformat()}
    if settings.timezone != Settings.model_fields["timezone"].default:
        values["TIMEZONE"] = settings.timezone
    lake = settings.lake
    if not is_url(lake) and local_path(lake).exists() and any(local_path(lake).iterdir()):
        name = Path(settings.data.rstrip("/")).name or "mine"
        return values | {"LAKE": f"data/lake_{name}", "EXPORT": f"data/export_{name}"}
    return values | {"LAKE": lake}
