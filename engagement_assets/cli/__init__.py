"""The command line, `engagement`: one file per group of commands."""

import gc
import os
import signal
import sys
import threading
import time

#: New objects after which Python looks for garbage. Its default is 700, and loading Dagster and Spark makes a million that stay.
_OBJECTS_BEFORE_A_SEARCH = 100_000

#: What a shell says of a command that Ctrl-C ended.
_INTERRUPTED = 130

#: By then the main thread is out of what dropped an interrupt; else it is sent once more.
_SEND_AGAIN_SECONDS = 0.2


def main() -> None:
    """Entry point of the `engagement` command."""
    # A job in the background of a shell is started with Ctrl-C ignored. It is held back instead: Dagster gives SIGTERM the
    # handler of Ctrl-C, and a service manager stops a command by that one.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    stopping = [signal.SIGTERM, signal.SIGINT]
    # While libraries load nothing is begun, and an exception in the midst of one of them could be swallowed, or leave it half
    # loaded.
    for number in stopping:
        signal.signal(number, lambda *_: os._exit(_INTERRUPTED))
    gc.set_threshold(_OBJECTS_BEFORE_A_SEARCH)
    from engagement_assets.cli.app import run_command_line  # it takes a moment

    interrupt_by(stopping)
    run_command_line()


def interrupt_by(signals: list[signal.Signals]) -> None:
    """Let signals interrupt what the main thread does, whatever that is.

    Python drops an exception that comes up while it takes an object apart (`__del__`, a callback of a weak reference): an
    interrupt that came in such a moment would be lost. It is sent again. Within a run Dagster raises an exception of its own
    for it, which is no error either.
    """
    for number in signals:
        signal.signal(number, signal.default_int_handler)

    def take(dropped: "sys.UnraisableHookArgs") -> None:
        if issubclass(dropped.exc_type, (Exception, SystemExit, GeneratorExit)):
            sys.__unraisablehook__(dropped)
            return
        is_told = threading.Event()

        def send_again() -> None:
            # Not while the main thread is still in here, where it would be dropped once more: a busy machine may keep it so long.
            is_told.wait()
            time.sleep(_SEND_AGAIN_SECONDS)
            os.kill(os.getpid(), signals[0])

        threading.Thread(target=send_again, daemon=True).start()
        is_told.set()

    sys.unraisablehook = take
