"""Posts JSON to an address that the settings name, and to no other: no redirect is followed, link-local addresses are refused.

A cloud machine's credentials are served on link-local addresses; whoever may set a webhook, or answer for its name, shall not
reach them. Nothing here tells the address: it is a secret.
"""

from __future__ import annotations

import ipaddress
import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any

#: One try may take so long, seconds.
ANSWER_SECONDS = 10.0

#: The receiver has it already.
_CONFLICT = 409

#: Answers after which another try may succeed, beside 5xx: timeout, too early, too many requests.
_TRY_AGAIN = (408, 425, 429)

#: Where clouds serve a machine's credentials, beside link-local addresses.
_METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200", "192.0.0.192")))


class WebhookError(RuntimeError):
    """The receiver did not take a message; the message says what it answered, without its address."""


class _RefusedAddressError(OSError):
    """A name stands for an address that nothing is posted to."""


def _require_allowed(address: str) -> None:
    found = ipaddress.ip_address(address.split("%")[0])
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    if found.is_link_local or found in _METADATA:
        raise _RefusedAddressError


class _Guarded(HTTPConnection):
    """Looks at the addresses of a name before it connects, and at the one it came to: a name may have another one by then."""

    def connect(self) -> None:
        for *_, address in socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM):
            _require_allowed(str(address[0]))
        super().connect()
        _require_allowed(self.sock.getpeername()[0])


class _GuardedTls(_Guarded, HTTPSConnection):
    """The same with TLS, which begins within `super().connect()`."""


class _Http(urllib.request.HTTPHandler):
    def http_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(_Guarded, req)


class _Https(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> Any:
        return self.do_open(_GuardedTls, req)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_OPENER = urllib.request.build_opener(_Http, _Https, _NoRedirect)


def post(
    address: str,
    body: Mapping[str, Any],
    *,
    key: str | None = None,
    pauses: tuple[float, ...] = (1.0,),
    answer_seconds: float = ANSWER_SECONDS,
    until: float | None = None,
) -> int:
    """Post JSON; returns the number of tries it took.

    Parameters: `key` is sent as Idempotency-Key, and 409 then counts as taken; `pauses` are the seconds before the second try,
    the third, …; `until` is the end of the time for all of them, on the monotonic clock.
    Tried again after what may pass: no answer, 5xx, 408, 425, 429. Raises WebhookError when that is of no use, or at the end of
    the tries or of the time.
    """
    headers = {"Content-Type": "application/json; charset=utf-8", **({"Idempotency-Key": key} if key else {})}
    request = urllib.request.Request(address, json.dumps(body, ensure_ascii=False).encode(), headers, method="POST")
    problem = "no time was left to try"
    for tries, pause in enumerate((0.0, *pauses), start=1):
        if until is not None and time.monotonic() + pause >= until:
            break
        time.sleep(pause)
        try:
            with _OPENER.open(request, timeout=answer_seconds):
                return tries
        except urllib.error.HTTPError as error:
            error.close()
            if key and error.code == _CONFLICT:
                return tries
            problem = f"it answers {error.code}"
            if 300 <= error.code < 400:
                problem += ", and redirects are not followed: set the address it leads to"
            if error.code < 500 and error.code not in _TRY_AGAIN:
                break
        except (OSError, HTTPException, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            if isinstance(reason, _RefusedAddressError):
                problem = "its address is link-local, where clouds serve credentials; nothing is posted there"
                break
            problem = f"no answer, {type(reason).__name__}"
    raise WebhookError(problem)
