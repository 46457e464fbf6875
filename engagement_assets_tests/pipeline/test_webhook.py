"""The one client of webhooks: it goes where it was sent, and nowhere else. (Retries: test_deliveries.py, test_alerts.py.)"""

from __future__ import annotations

import socket

import pytest

from engagement_assets.pipeline.webhook import WebhookError, post
from engagement_assets_tests.webhook import listening

PORT = 80

#: AWS, Azure and Google; the same in another spelling; AWS on IPv6; Alibaba; Oracle.
CREDENTIALS = [
    "169.254.169.254",
    "[::ffff:169.254.169.254]",
    "[fe80::1]",
    "[fd00:ec2::254]",
    "100.100.100.200",
    "192.0.0.192",
]


def test_a_redirect_is_an_error_that_says_so_and_its_target_gets_nothing() -> None:
    with listening() as target, listening() as hook:
        hook.answers, hook.location = [302], target.address
        with pytest.raises(WebhookError, match="it answers 302, and redirects are not followed"):
            post(hook.address, {"text": "x"})
        assert target.messages == []


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", CREDENTIALS)
def test_nothing_connects_to_where_clouds_serve_credentials(
    scheme: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a connection was tried"))
    with pytest.raises(WebhookError, match="link-local") as refused:
        post(f"{scheme}://{host}/latest", {"text": "x"})
    assert host.strip("[]") not in str(refused.value)


def test_a_name_that_stands_for_such_an_address_is_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", PORT))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answer)
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a connection was tried"))
    with pytest.raises(WebhookError, match="link-local"):
        post("http://hooks.test/", {"text": "x"})
