"""The command line as a whole: the groups of commands, and how the process ends."""

from __future__ import annotations

import gc

import typer

from engagement_assets.cli import analysis, campaigns, connecting, files, machine, running, tables, upkeep
from engagement_assets.cli.console import leave

#: New objects after which Python looks for garbage. Its default is 700, and loading Dagster and Spark makes a million that stay.
_OBJECTS_BEFORE_A_SEARCH = 100_000

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Customer engagement intelligence: who is valuable, who is slipping away, and why, as of any day.",
)
for group in (connecting, running, tables, files, analysis, campaigns, upkeep, machine):
    app.add_typer(group.commands)


def run_command_line() -> None:
    """Carry out what the command line says, and end the process."""
    gc.set_threshold(_OBJECTS_BEFORE_A_SEARCH)
    try:
        app()
    except SystemExit as ended:
        leave(ended)
