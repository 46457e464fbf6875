"""Who may sign in to the dashboard: names and hashed passwords, in a file that its owner alone can read."""

from __future__ import annotations

import json
from pathlib import Path

from werkzeug.security import generate_password_hash

from engagement_assets.lake.stores import replacing
from engagement_assets.settings import PREFIX, Settings, local_path

VARIABLE = f"{PREFIX}DASHBOARD_USERS"

LONGEST_NAME = 64
SHORTEST_PASSWORD, LONGEST_PASSWORD = 10, 200


class UsersError(ValueError):
    """The file of users cannot be used, or a name or password cannot be taken; the message says why and what helps."""


class Users:
    """The file of users. It is read again whenever it was changed, so that nobody who was removed stays in."""

    def __init__(self, settings: Settings) -> None:
        self.place: Path = local_path(settings.dashboard_users)
        self._seen: object = None
        self._hashes: dict[str, str] = {}

    def there(self) -> bool:
        """Whether anybody was ever given a password: then everybody has to sign in."""
        return self.place.exists()

    def hashes(self) -> dict[str, str]:
        """The hashed password of each name. Raises UsersError if the file is not the owner's alone, or is damaged."""
        try:
            found = self.place.stat()
            if found.st_mode & 0o077:
                raise UsersError(f"{self.place} can be read by others on this machine: chmod 600 {self.place}")
            seen = (found.st_mtime_ns, found.st_size, found.st_ino)
            if seen != self._seen:
                self._hashes = _read(self.place.read_bytes())
                self._seen = seen
        except (OSError, ValueError) as error:
            if isinstance(error, UsersError):
                raise
            raise UsersError(
                f"{self.place}, the users of the dashboard ({VARIABLE}), cannot be read ({error}). "
                "Delete it and give the passwords anew: engagement dashboard-user NAME"
            ) from None
        return self._hashes

    def give(self, name: str, password: str) -> None:
        """Let somebody sign in with this password, in place of an earlier one."""
        if not 0 < len(name) <= LONGEST_NAME or ":" in name or not name.isprintable() or name != name.strip():
            raise UsersError(
                f"a name has 1 to {LONGEST_NAME} characters, none of them a colon, and no space around; this one has not"
            )
        if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
            raise UsersError(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters; this one has not")
        known = self.hashes() if self.there() else {}
        self._write({**known, name: generate_password_hash(password, method="scrypt")})

    def remove(self, name: str) -> None:
        """Let somebody sign in no more. Raises UsersError if there is no such name, or no other left."""
        known = self.hashes() if self.there() else {}
        if name not in known:
            raise UsersError(f"there is no user {name!r} in {self.place}")
        if len(known) == 1:
            raise UsersError(
                f"{name!r} is the last user: without any, nobody would get in. Give somebody else a password first, "
                f"or delete {self.place}, and nobody has to sign in"
            )
        self._write({other: hashed for other, hashed in known.items() if other != name})

    def _write(self, hashes: dict[str, str]) -> None:
        self.place.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self.place) as draft:
            draft.touch(mode=0o600, exist_ok=False)
            draft.write_text(json.dumps(hashes, indent=1), encoding="utf-8")


def _read(text: bytes) -> dict[str, str]:
    found = json.loads(text)
    if not isinstance(found, dict) or not all(isinstance(hashed, str) for hashed in found.values()):
        raise ValueError("it holds something else than names and hashes")
    return found
