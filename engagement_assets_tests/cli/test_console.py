"""A command ends soon after its last word, with its exit code, whatever still runs in it; a signal ends it at any moment."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engagement_assets.cli.console import INTERRUPTED, LEAVE_SECONDS
from engagement_assets_tests.worlds import SAMPLE_DATA

LEAVING = """
import sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from engagement_assets.cli import console
{before}
print("the last word", flush=True)
console.leave(SystemExit(3))
"""

IDLE_POOL = "pool = ThreadPoolExecutor(1); pool.submit(int).result()"
THREAD_THAT_WAITS = "threading.Thread(target=threading.Event().wait).start()"
GOODBYE_TO_NOBODY = "import atexit; atexit.register(threading.Event().wait)"


@pytest.mark.parametrize(
    ("before", "seconds"),
    [(IDLE_POOL, 5), (THREAD_THAT_WAITS, LEAVE_SECONDS + 5), (GOODBYE_TO_NOBODY, LEAVE_SECONDS + 5)],
    ids=["an idle pool", "a thread that waits for ever", "a library that says goodbye to a server that is gone"],
)
def test_nothing_keeps_a_process_that_has_said_its_last_word(before: str, seconds: float) -> None:
    command = [sys.executable, "-c", LEAVING.format(before=before)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "the last word\n"
        said = time.monotonic()
        assert process.wait(timeout=60) == 3
    assert time.monotonic() - said < seconds


#: A background job is started with Ctrl-C ignored, and so are its children: these tests may be run as one.
AS_IN_A_TERMINAL = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


DROPS_INTERRUPTS = """
import contextlib, signal, sys, time
from dagster import DagsterExecutionInterruptedError, raise_execution_interrupts
from engagement_assets.cli import interrupt_by
interrupt_by([signal.SIGTERM, signal.SIGINT])
class Slow:
    def __del__(self):
        print("taken apart", flush=True)
        time.sleep(20)
try:
    with {around}:
        found = Slow()
        del found
        time.sleep(20)
except (KeyboardInterrupt, DagsterExecutionInterruptedError):
    sys.exit(130)
"""


@pytest.mark.parametrize("around", ["contextlib.nullcontext()", "raise_execution_interrupts()"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_comes_while_an_object_is_taken_apart_is_not_lost(number: signal.Signals, around: str) -> None:
    command = [sys.executable, "-c", AS_IN_A_TERMINAL, "-c", DROPS_INTERRUPTS.format(around=around)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "taken apart\n"
        process.send_signal(number)
        _, told = process.communicate(timeout=15)
    assert (process.returncode, told) == (130, "")


ON_A_BUSY_MACHINE = """
import threading, time
start = threading.Thread.start
def started_late(thread):
    start(thread)
    time.sleep(0.5)
threading.Thread.start = started_late
"""


def test_a_signal_is_not_lost_where_it_takes_long_to_send_it_again() -> None:
    """What is sent again while the main thread is still told of what it dropped would be dropped, too."""
    program = ON_A_BUSY_MACHINE + DROPS_INTERRUPTS.format(around="contextlib.nullcontext()")
    command = [sys.executable, "-c", AS_IN_A_TERMINAL, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "taken apart\n"
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=15)
    assert (process.returncode, told) == (130, "")


IN_THE_BACKGROUND = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""

RUNS_WITH_DAGSTER = """
import sys, time, types
from engagement_assets import cli

def run():
    # Only now, as the real one: threads of libraries hold back what the main thread holds back when they are started.
    from dagster import raise_execution_interrupts
    import numpy
    with raise_execution_interrupts():
        pass
    print("works", flush=True)
    try:
        for _ in range(400):
            time.sleep(0.05)
    except KeyboardInterrupt:
        sys.exit(130)

sys.modules["engagement_assets.cli.app"] = app = types.ModuleType("app")
app.run_command_line = run
cli.main()
"""


def test_a_command_in_the_background_ends_with_sigterm_and_not_with_ctrl_c() -> None:
    command = [sys.executable, "-c", IN_THE_BACKGROUND, "-c", RUNS_WITH_DAGSTER]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "works\n"
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=1)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=15)
    assert process.returncode == 130


def _is_taken(process: subprocess.Popen[str], number: signal.Signals) -> bool:
    """Whether a process takes a signal itself: before that Python alone has begun, which tells Ctrl-C by a traceback."""
    caught = re.search(r"^SigCgt:\s*(\w+)$", Path(f"/proc/{process.pid}/status").read_text(), re.MULTILINE)
    return caught is not None and bool(int(caught.group(1), 16) >> (number - 1) & 1)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which signals a process takes")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("runs", [False, True], ids=["while it loads", "while it runs"])
def test_a_signal_ends_a_run_without_a_traceback(tmp_path: Path, number: signal.Signals, runs: bool) -> None:
    places = {"DATA": SAMPLE_DATA, "LAKE": tmp_path / "lake", "EXPORT": tmp_path / "export"}
    environment = {**os.environ, **{f"ENGAGEMENT_{name}": str(place) for name, place in places.items()}}
    environment["DAGSTER_HOME"] = str(tmp_path / "home")
    arguments = ["-m", "engagement_assets.cli", "run", "--from", "2026-01-01", "--to", "2026-06-30"]
    command = [sys.executable, "-c", AS_IN_A_TERMINAL, *arguments]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        # SIGTERM tells it for both: of Ctrl-C Python begins with a handler of its own.
        while process.poll() is None and not _is_taken(process, signal.SIGTERM):
            time.sleep(0.01)
        while runs and not places["LAKE"].exists() and process.poll() is None:
            time.sleep(0.1)
        process.send_signal(number)
        sent = time.monotonic()
        process.wait(timeout=60)
        took = time.monotonic() - sent
        # A helper process that has just begun to load holds the pipe until it sees that nobody is there.
        _, told = process.communicate(timeout=120)
    assert took < 30
    assert "Traceback" not in told
    assert process.returncode in (130, 128 + number, -number), told
    assert process.returncode != 130 or not runs or INTERRUPTED in " ".join(told.split())
