"""A PostgreSQL of a test's own: in its folder, on a free loopback port, as a user without rights where tests run as root."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engagement_assets_tests.conftest import missing
from engagement_assets_tests.servers import free_port

_SECONDS = 60


def binaries() -> Path | None:
    """The folder of `initdb` and `postgres`, which Debian keeps off the path; the newest version there is."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return versions[-1].parent if versions else None


def _unprivileged() -> list[str]:
    """What to put before a command: PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return []
    nobody = pwd.getpwnam("nobody")
    return ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]


@contextmanager
def postgres_for_tests() -> Iterator[str]:
    """The address of a database server that is stopped when the block is left; where there is no PostgreSQL, see `missing`."""
    if binaries() is None:
        missing("PostgreSQL (initdb and postgres)")
    # Not below pytest's own folder, which other users cannot enter.
    with tempfile.TemporaryDirectory(prefix="engagement-postgres-") as folder:
        Path(folder).chmod(0o755)
        with running_postgres(Path(folder, "server")) as address:
            yield address


@contextmanager
def running_postgres(folder: Path) -> Iterator[str]:
    """A database server in a new folder; gives the address of its database, and stops it when the block is left.

    `folder` must be one that other users can reach (not below one of root's own).
    """
    home = binaries()
    assert home is not None, "no PostgreSQL here"
    folder.mkdir(mode=0o700)
    if os.getuid() == 0:
        shutil.chown(folder, "nobody")
    prefix, data, log = _unprivileged(), folder / "data", folder / "log"
    initdb = [str(home / "initdb"), "-D", str(data), "-U", "engagement", "--auth=trust", "--no-sync", "--encoding=UTF8"]
    subprocess.run([*prefix, *initdb, "--locale=C"], check=True, capture_output=True, cwd=folder, timeout=_SECONDS)
    port = free_port()
    options = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": "", "fsync": "off"}
    settings = [f"-c{name}={value}" for name, value in options.items()]
    with log.open("wb") as said:
        server = subprocess.Popen(
            [*prefix, str(home / "postgres"), "-D", str(data), *settings], stdout=said, stderr=said, cwd=folder
        )
    try:
        _wait_until_ready(home, port, server, log)
        yield f"postgresql://engagement@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(signal.SIGINT)  # a fast shutdown: sessions are cut off, data is written
        try:
            server.wait(_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait_until_ready(home: Path, port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end and server.poll() is None:
        asked = subprocess.run([str(home / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)], check=False)
        if asked.returncode == 0:
            return
        time.sleep(0.1)
    raise AssertionError(f"PostgreSQL did not start:\n{log.read_text(errors='replace')[-3000:]}")
