"""The command line, `engagement`: one file per group of commands."""

import signal
import sys


def main() -> None:
    """Entry point of the `engagement` command."""
    # A service manager stops a command as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        # Only now, because it takes a moment, in which somebody may change their mind.
        from engagement_assets.cli.app import run_command_line
    except KeyboardInterrupt:
        sys.exit(130)
    run_command_line()
