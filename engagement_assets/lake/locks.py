"""One writer of a lake at a time, and a word about who it is.

The lock is the operating system's, on an open file: it ends with the process that holds it, however that ends, so a lock file
left behind never blocks anybody. Beside it stands who holds it, for the message to those who wait.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout


class LakeBusyError(RuntimeError):
    """Another run writes to the tables and did not end in time; the message says which."""


#: What operating systems say of a full disk; engines pass it on.
DISK_FULL = "No space left on device"


class LakeNotWritableError(RuntimeError):
    """The tables cannot be written by this user, or on a full disk; the message names the folder and the setting."""


class WriterLock:
    """The right to write to a lake, held by one process at a time and taken again by its holder at will."""

    def __init__(self, place: Path, wait_seconds: float) -> None:
        self._place = place
        self._wait_seconds = wait_seconds
        self._holder = place.with_suffix(".json")
        # Not bound to a thread: an executor may end a run in another thread than it began in.
        self._lock = FileLock(place, thread_local=False)

    @property
    def is_held(self) -> bool:
        """Whether this object holds it."""
        return self._lock.is_locked

    def take(self, who: str, tell: Callable[[str], None]) -> None:
        """Take it, waiting for another holder to end; `tell` hears whom this waits for. Each take needs a `give_back`.

        Raises LakeBusyError when the wait is over.
        """
        self._place.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            holder = self.holder()
            tell(f"waiting for {holder}, which is writing to the tables")
            try:
                self._lock.acquire(timeout=self._wait_seconds)
            except Timeout:
                raise LakeBusyError(
                    f"{self.holder()} is still writing to the tables after {self._wait_seconds / 60:g} minutes of waiting; "
                    "nothing was done: run again when it has ended, or raise ENGAGEMENT_LOCK_WAIT_MINUTES"
                ) from None
        if self._lock.lock_counter == 1:
            self._say_who(who)

    def give_back(self) -> None:
        """Undo one `take`."""
        if self._lock.lock_counter == 1:
            self._holder.unlink(missing_ok=True)
        self._lock.release()

    def holder(self) -> str:
        """Who holds it, in words."""
        try:
            found = json.loads(self._holder.read_text(encoding="utf-8"))
            return f"run {found['who']} (process {found['pid']} on {found['host']}, since {found['since']})"
        except (OSError, ValueError, KeyError, TypeError):
            return "another run"

    def _say_who(self, who: str) -> None:
        since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        found = {"who": who, "pid": os.getpid(), "host": socket.gethostname(), "since": since}
        try:
            self._holder.write_text(json.dumps(found), encoding="utf-8")
        except OSError:  # for people only; on a full disk the run has other worries
            return
