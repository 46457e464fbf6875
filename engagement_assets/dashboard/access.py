"""Who gets an answer: which names the dashboard answers to, from which pages it may be asked, and who has signed in."""

from __future__ import annotations

import hmac
import logging
import re
import secrets
import threading
import time
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Flask, Response, abort, request
from flask_httpauth import HTTPBasicAuth
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from werkzeug.security import check_password_hash, generate_password_hash

from engagement_assets.dashboard.users import VARIABLE, Users, UsersError
from engagement_assets.settings import PREFIX, Settings

if TYPE_CHECKING:
    from collections.abc import Iterable

log = logging.getLogger("engagement.dashboard")

HOSTS_VARIABLE = f"{PREFIX}DASHBOARD_HOSTS"

#: A name or address with or without a port, as `Host` has it.
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?", re.IGNORECASE | re.ASCII)

#: Failed attempts to sign in that a name, or an address, has a minute.
FAILED_ATTEMPTS = RateLimitItemPerMinute(10)

#: Pairs of name and password that were found right are remembered, because finding out takes 60 ms and 32 MB.
_MOST_REMEMBERED = 1_000


class SignInMissingError(RuntimeError):
    """Others could reach the dashboard without a password; the message says how to change that, or to want it."""


def hosts(settings: Settings) -> frozenset[str]:
    """The names and addresses that the settings allow, beside those of loopback."""
    return frozenset(_name(part.strip()) for part in settings.dashboard_hosts.split(",") if part.strip())


def is_loopback(name: str) -> bool:
    """Whether a name or address stands for this machine, as seen from itself."""
    try:
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


def demand_sign_in(settings: Settings, host: str, without: bool) -> None:
    """Raise SignInMissingError where others could read customers' data without a password, and nobody said that they may."""
    users = Users(settings)
    if users.there():
        users.hashes()  # a file that cannot be used would let nobody in
    elif not without and not (is_loopback(host) and not hosts(settings)):
        reached = f"the address {host}" if not is_loopback(host) else f"the names in {HOSTS_VARIABLE}"
        raise SignInMissingError(
            f"others could read customers' data at {reached} without a password. Give them one: "
            "engagement dashboard-user NAME. Where something in front of the dashboard asks who they are, or everybody may "
            "read it: engagement dashboard --without-sign-in"
        )


def register(server: Flask, settings: Settings, listens_on: Iterable[str] = ()) -> None:
    """Let nobody else in. `listens_on`: addresses that the server was told to listen on; it answers to them."""
    allowed = hosts(settings) | {_name(address) for address in listens_on}
    sign_in = _SignIn(Users(settings))

    @server.before_request
    def let_in() -> Response | None:
        if not _is_allowed(request.headers.get("Host", ""), allowed):
            return refusal(
                "The dashboard does not answer to the name in this address. If it is yours, name it in "
                f"{HOSTS_VARIABLE} (several are separated by commas), and start the dashboard again.",
                403,
            )
        if _is_from_elsewhere(allowed):
            return refusal(
                f"Pages of other sites may not ask the dashboard. If the site is yours, name it in {HOSTS_VARIABLE} "
                "(several are separated by commas), and start the dashboard again.",
                403,
            )
        return sign_in.ask()


def refusal(sentence: str, status: int) -> Response:
    """A request that is not answered, and why."""
    return Response(f"{sentence}\n", status=status, mimetype="text/plain")


def _name(host: str) -> str:
    """What stands before the port, in small letters; nothing if that is no host."""
    found = _HOST.fullmatch(host)
    if found is None:  # an IPv6 address may be written without brackets in settings
        return host.lower()
    return found[1].strip("[]").rstrip(".").lower()


def _is_allowed(host: str, allowed: frozenset[str]) -> bool:
    # A page whose name is made to lead to this machine (DNS rebinding) still sends that name.
    return _HOST.fullmatch(host) is not None and (is_loopback(_name(host)) or _name(host) in allowed)


def _is_from_elsewhere(allowed: frozenset[str]) -> bool:
    """Whether a page of another site has the browser ask. Following a link from anywhere is no such thing."""
    origin = request.headers.get("Origin")
    if origin is not None:
        try:
            parts = urlsplit(origin)
        except ValueError:
            return True
        return parts.scheme not in ("http", "https") or not _is_allowed(parts.netloc, allowed)
    link = request.method == "GET" and request.headers.get("Sec-Fetch-Mode") == "navigate"
    return request.headers.get("Sec-Fetch-Site") == "cross-site" and not link


class _SignIn:
    """HTTP Basic: the browser asks for name and password, and sends them with every request, downloads and assets too."""

    def __init__(self, users: Users) -> None:
        self._users = users
        self._demanded = users.there()
        self._known: dict[bytes, str] = {}
        self._key = secrets.token_bytes(32)
        self._turn = threading.Lock()
        self._nobody = generate_password_hash(secrets.token_hex())
        self._failed = FixedWindowRateLimiter(MemoryStorage())
        basic = HTTPBasicAuth(realm="Customer engagement")
        basic.verify_password(self._verify)
        basic.error_handler(lambda: refusal("Sign in with the name and password that you were given.", 401))
        self._basic = basic.login_required(lambda: None)

    def ask(self) -> Response | None:
        """The answer to whoever has not signed in; None to others, and where nobody has to."""
        # Once there were users there is no way back but a restart: a file that is gone opens nothing.
        self._demanded = self._demanded or self._users.there()
        if not self._demanded:
            return None
        try:
            self._users.hashes()
        except UsersError as error:
            log.error("nobody can sign in: %s", error)
            return refusal(f"Nobody can sign in: the server's log says what is wrong with {VARIABLE}.", 503)
        if request.method == "OPTIONS":  # which the library lets through
            return refusal("There are no options.", 405)
        return self._basic()

    def _verify(self, name: str, password: str) -> str | None:
        if not name or self._is_known(name, password):
            return name or None
        with self._turn:  # one at a time: each check takes memory, and guesses are slow
            # Of a page's dozen requests at once, the first has found out.
            if self._is_known(name, password):
                return name
            self._slow_down(name)
            hashed = self._users.hashes().get(name)
            # An unknown name takes as long as a known one.
            right = check_password_hash(hashed or self._nobody, password)
            if not (right and hashed):
                for who in self._guessers(name):
                    self._failed.hit(FAILED_ATTEMPTS, who)
                log.warning("failed attempt to sign in from %s", request.remote_addr)
                return None
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            self._known[self._digest(name, password)] = hashed
            return name

    def _is_known(self, name: str, password: str) -> bool:
        # With the hash that it was right for: a password that was changed since is wrong.
        hashed = self._known.get(self._digest(name, password))
        return hashed is not None and self._users.hashes().get(name) == hashed

    def _digest(self, name: str, password: str) -> bytes:
        return hmac.digest(self._key, f"{name}\0{password}".encode(errors="surrogatepass"), "sha256")

    def _guessers(self, name: str) -> list[str]:
        address = request.remote_addr or ""
        # From loopback comes what a proxy passes on: one who guesses must not lock everybody out.
        return [f"name {name[:100]}", *([] if is_loopback(address) else [f"address {address}"])]

    def _slow_down(self, name: str) -> None:
        """Refuse an attempt where too many have failed."""
        for who in self._guessers(name):
            if not self._failed.test(FAILED_ATTEMPTS, who):
                wait = int(self._failed.get_window_stats(FAILED_ATTEMPTS, who).reset_time - time.time()) + 1
                answer = refusal(f"Too many failed attempts to sign in. Try again in {wait} seconds.", 429)
                answer.headers["Retry-After"] = str(wait)
                abort(answer)
