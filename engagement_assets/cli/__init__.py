"""The command line, `engagement`: one file per group of commands."""

import os
import signal

#: What a shell says of a command that Ctrl-C ended.
_INTERRUPTED = 130


def main() -> None:
    """Entry point of the `engagement` command."""
    # A service manager stops a command as Ctrl-C does; a job in the background of a shell is started with Ctrl-C ignored.
    is_background = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    stopping = [signal.SIGTERM] if is_background else [signal.SIGTERM, signal.SIGINT]
    # While libraries load nothing is begun, and an exception in the midst of one of them could be swallowed, or leave it half
    # loaded.
    for number in stopping:
        signal.signal(number, lambda *_: os._exit(_INTERRUPTED))
    from engagement_assets.cli.app import run_command_line  # it takes a moment

    for number in stopping:
        signal.signal(number, signal.default_int_handler)
    run_command_line()
