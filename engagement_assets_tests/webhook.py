"""A web server on loopback that takes what is posted to it, or refuses it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Webhook:
    """Its address, and the messages it was sent. `answers` are the status codes of the next answers, then 200; `location` goes
    with each.
    """

    address: str = ""
    messages: list[dict[str, Any]] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    location: str = ""


@contextmanager
def listening() -> Iterator[Webhook]:
    """A webhook that listens until the block is left."""
    hook = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = hook.answers.pop(0) if hook.answers else 200
            if status == 200:
                hook.messages.append(json.loads(body))
                hook.types.append(self.headers["Content-Type"])
            self.send_response(status)
            if hook.location:
                self.send_header("Location", hook.location)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    hook.address = f"http://127.0.0.1:{server.server_port}/services/T0/B0/secret-token"
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
