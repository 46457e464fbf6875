"""The command line as a whole: the groups of commands, and how the process ends."""

from __future__ import annotations

import typer

from engagement_assets.cli import analysis, campaigns, connecting, files, machine, running, tables, upkeep
from engagement_assets.cli.console import leave

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
    try:
        app()
    except SystemExit as ended:
        leave(ended)
