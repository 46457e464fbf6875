"""Starts the dashboard's server on this machine."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable
from typing import Any

from waitress.server import create_server

from engagement_assets.dashboard.access import HOSTS_VARIABLE, demand_sign_in, hosts, is_loopback
from engagement_assets.dashboard.app import build_app
from engagement_assets.dashboard.payloads import LARGEST_BODY, LONGEST_ADDRESS
from engagement_assets.dashboard.warehouse import Warehouse
from engagement_assets.settings import Settings

DEFAULT_PORT = 8050
LOOPBACK = "127.0.0.1"

#: A page asks for a dozen figures at once.
_THREADS = 12


class PortTakenError(RuntimeError):
    """Another program listens on the port; the message says how to take another."""


def serve(
    settings: Settings,
    port: int = DEFAULT_PORT,
    host: str = LOOPBACK,
    tell: Callable[[str], None] = print,
    *,
    without_sign_in: bool = False,
) -> None:
    """Serve the dashboard until interrupted; `tell` gets a line for the person who started it.

    Raises SignInMissingError where others could reach it without a password, unless `without_sign_in` says that they may.
    """
    demand_sign_in(settings, host, without_sign_in)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a page's figures queue up; that is no trouble
    server = open_server(settings, port, host)
    shown = f"[{host}]" if ":" in host else host
    tell(f"Dashboard: http://{shown}:{server.effective_port} (Ctrl+C stops it)")
    if not is_loopback(host):
        answers_to = ", ".join(["localhost", *_named(host), *sorted(hosts(settings))])
        tell(f"It answers to these names: {answers_to}. {HOSTS_VARIABLE} adds others.")
    latest = Warehouse(settings).catalogue().latest
    if latest is None:
        tell(f"Nothing is published in {settings.lake} yet: `engagement run` or `make demo` builds snapshots.")
    else:
        tell(f"Latest snapshot: {latest}, from {settings.lake}")
    server.run()


def open_server(settings: Settings, port: int, host: str = LOOPBACK) -> Any:
    """A server that listens (port 0: on any free port, see `effective_port`) and answers once it is told to `run`."""
    listener = _listener(host, port)
    app = build_app(settings, listens_on=_named(host))
    return create_server(
        app.server,
        sockets=[listener],
        threads=_THREADS,
        clear_untrusted_proxy_headers=True,
        # What is a little too large is refused in a sentence of ours; this ends what is far too large before it is read.
        max_request_body_size=4 * LARGEST_BODY,
        max_request_header_size=8 * LONGEST_ADDRESS,
        ident=None,
    )


def _named(host: str) -> list[str]:
    """The address that others reach the server at by what it listens on; none where that is every address there is."""
    return [] if host in ("0.0.0.0", "::") else [host]


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTakenError(
                f"port {port} is in use by another program; choose another: engagement dashboard --port {port + 1}"
            ) from None
        raise
    return listener
