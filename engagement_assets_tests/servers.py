"""Real servers and a real browser for tests: on loopback, on free ports, ended by the test that started them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Playwright, ViewportSize

from engagement_assets.engine import CONNECT_MODE

CHROMIUM = Path("/usr/bin/chromium")

#: Without a sandbox, because tests may run as root; without what would call home.
_CHROMIUM_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-sync",
)

_SECONDS_TO_STOP = 10


def fresh_environment() -> dict[str, str]:
    """The environment without what an open session of this process left in it, for a process with another engine.

    A Java started in it compiles quickly rather than well: on small data, compiling is most of what Apache Spark does.
    """
    kept = {name: value for name, value in os.environ.items() if name != CONNECT_MODE}
    return {"JDK_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:ReservedCodeCacheSize=240m", **kept}


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: Sequence[str], log: Path, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A server process with its children, ended together when the block is left; `log` gets what it says."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env={**os.environ, **environment}, start_new_session=True
        )
    try:
        yield process
    finally:
        for stop in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, stop)
                process.wait(_SECONDS_TO_STOP)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                continue


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path, seconds: float = 60) -> None:
    """Wait until a server answers; AssertionError with the end of its log if it does not."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(f"{url} does not answer:\n{log.read_text(errors='replace')[-3000:]}")


@contextmanager
def headless_chromium(playwright: Playwright) -> Iterator[Browser]:
    """Debian's Chromium; its windows remember nothing of each other."""
    browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(_CHROMIUM_OPTIONS))
    try:
        yield browser
    finally:
        browser.close()


@contextmanager
def remembering_chromium(playwright: Playwright, profile: Path) -> Iterator[BrowserContext]:
    """Debian's Chromium with a profile, as people use it: it keeps the scripts that it compiled; a page takes half as long."""
    window = playwright.chromium.launch_persistent_context(
        profile,
        executable_path=str(CHROMIUM),
        args=list(_CHROMIUM_OPTIONS),
        viewport=ViewportSize(width=1440, height=900),
    )
    try:
        yield window
    finally:
        window.close()
