"""The command line, `engagement`: one file per group of commands."""

import os
import signal

#: What a shell says of a command that Ctrl-C ended.
_INTERRUPTED = 130


def main() -> None:
    """Entry point of the `engagement` command."""
    # A service manager stops a command as Ctrl-C does. While libraries load nothing is begun, and an exception in the midst of
    # one of them could be swallowed, or leave it half loaded.
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: os._exit(_INTERRUPTED))
    from engagement_assets.cli.app import run_command_line  # it takes a moment

    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    run_command_line()
