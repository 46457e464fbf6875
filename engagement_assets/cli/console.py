"""What every command shares: where it prints, how it reads a date, and errors as one sentence each."""

from __future__ import annotations

import atexit
import os
import re
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time
from functools import wraps
from typing import Annotated, Any, NoReturn, TypeVar
from zoneinfo import ZoneInfo

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from engagement_assets.domain.days import Days, as_date, spans
from engagement_assets.domain.sources import SOURCES, in_words
from engagement_assets.settings import PREFIX

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

#: Shows the traceback of an unexpected error.
DEBUG_VARIABLE = f"{PREFIX}DEBUG"

#: How long a process may take to end after its last word, seconds.
LEAVE_SECONDS = 8.0

INTERRUPTED = "Interrupted; what was published stays, nothing half-written is visible."

Command = TypeVar("Command", bound=Callable[..., Any])


class UsageError(ValueError):
    """What was asked for does not make sense; the message says what does."""


def friendly(command: Command) -> Command:
    """Turn errors into one sentence and an exit code; the traceback is there for those who ask for it."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except typer.Exit:
            raise
        except KeyboardInterrupt:
            err.print(INTERRUPTED)
            raise typer.Exit(130) from None
        except ValidationError as error:
            for fault in error.errors():
                name = PREFIX + "__".join(str(part).upper() for part in fault["loc"])
                text = fault["msg"].removeprefix("Value error, ")
                complain(f"[red]Setting[/red] {name}: {escape(text)}")
            raise typer.Exit(2) from None
        except Exception as error:
            if os.environ.get(DEBUG_VARIABLE):
                traceback.print_exc()
            # The product's own errors are sentences; those of others need their name.
            own = type(error).__module__.startswith("engagement_assets")
            text = str(error) if own else f"{type(error).__name__}: {error}"
            complain(f"[red]Error:[/red] {escape(text)}")
            raise typer.Exit(2 if isinstance(error, (UsageError, ValueError)) else 1) from None

    return wrapped  # type: ignore[return-value]


class Commands(typer.Typer):
    """A group of commands whose errors are friendly."""

    def command(self, *args: Any, **kwargs: Any) -> Callable[[Command], Command]:
        register = super().command(*args, **kwargs)
        return lambda command: register(friendly(command))


def say(text: str, **options: Any) -> None:
    """Print a line whole, however wide the terminal is, so that it can be copied."""
    out.print(text, soft_wrap=True, **options)


def complain(text: str, **options: Any) -> None:
    """Print a line to the standard error, whole."""
    err.print(text, soft_wrap=True, **options)


def print_table(
    columns: Sequence[str],
    rows: Iterable[Iterable[str | Text]],
    *,
    to_the_right: Sequence[str] = (),
    header: bool = True,
) -> None:
    """Print rows of texts, as they are, below their headers; columns of numbers may be aligned `to_the_right`."""
    table = Table(box=None, pad_edge=False, show_header=header)
    for name in columns:
        table.add_column(name, justify="right" if name in to_the_right else "left")
    for row in rows:
        table.add_row(*[Text(cell) if isinstance(cell, str) else cell for cell in row])
    out.print(table)


def leave(ended: SystemExit) -> NoReturn:
    """End the process as Python does, but without taking a million objects apart one by one: that takes half a second.

    Whatever still keeps it (a thread that waits for an engine that is gone, a library that says goodbye to a server) gets
    `LEAVE_SECONDS`; another signal ends it at once.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    if not isinstance(ended.code, int | None):
        raise ended
    code = ended.code or 0
    last_resort = threading.Timer(LEAVE_SECONDS, os._exit, (code,))
    last_resort.daemon = True
    last_resort.start()
    # Python's own first step: idle threads of pools are told to end, then all threads are waited for. Waiting alone would last
    # for ever: a pool that nobody closed keeps its threads.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # a closed pipe is Python's to report
            raise ended from None
    os._exit(code)


def parse_day(text: str) -> date:
    """A date of the form YYYY-MM-DD. Raises UsageError for anything else."""
    try:
        return as_date(text)
    except ValueError:
        raise UsageError(f"{text!r} is no date; write it as YYYY-MM-DD, for example 2026-03-31") from None


def iso_day(text: str | None) -> str | None:
    """A day that may be left out, YYYY-MM-DD. Raises UsageError for anything else."""
    return parse_day(text).isoformat() if text else None


def in_spans(days: Days) -> str:
    """Days in words, consecutive ones as a range."""
    return ", ".join(first if first == last else f"{first} to {last}" for first, last in spans(days))


DateOption = Annotated[str | None, typer.Option("--date", help="A day, YYYY-MM-DD.")]


def _known_sources(names: list[str] | None) -> list[str] | None:
    for name in names or []:
        if name not in SOURCES:
            raise typer.BadParameter(f"{name!r} is no source; there are {in_words(SOURCES, 'and')}")
    return names


AcceptMissing = Annotated[
    list[str] | None,
    typer.Option(
        callback=_known_sources,
        help="A source of which less than before is found, and that is meant; once, may be repeated.",
    ),
]

_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?")


def parse_instant(text: str, zone: ZoneInfo) -> datetime:
    """A time in the business time zone; of a day alone, its end. Raises UsageError for anything else."""
    if not _TIME.fullmatch(text):
        return datetime.combine(parse_day(text), time.max, zone)
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone)
    except ValueError:
        raise UsageError(f"{text!r} is no time; write it as YYYY-MM-DDTHH:MM, for example 2026-03-31T14:00") from None


def progress_bar() -> Progress:
    """A bar for runs: what days, how far, how long, what it is doing; gone when they end."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.fields[days]}"),
        BarColumn(24),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    return Progress(*columns, console=err, transient=True)
