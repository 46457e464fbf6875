"""What every answer has: headers for browsers, one charset, and nothing kept that holds rows."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from engagement_assets.dashboard.app import build_app
from engagement_assets.settings import Settings

PAGES = (
    "/",
    "/customer?cid=C1",
    "/_dash-layout",
    "/_dash-dependencies",
    "/export/customers.csv",
    "/no/such",
    "/_reload-hash",
)
FILES = ("/assets/style.css", "/_favicon.ico")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    """A dashboard over no tables."""
    return build_app(Settings(lake=str(tmp_path_factory.mktemp("empty")))).server.test_client()


def scripts_of(client: FlaskClient) -> list[str]:
    return re.findall(r'src="(/_dash-component-suites/[^"]+)"', client.get("/").text)


def test_no_script_runs_but_those_of_the_page(client: FlaskClient) -> None:
    policy = client.get("/").headers["Content-Security-Policy"]
    directives = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
    assert directives["default-src"] == "'none'"
    assert directives["frame-ancestors"] == "'none'"
    allowed = directives["script-src"].split()
    assert allowed[0] == "'self'"
    assert all(re.fullmatch(r"'sha256-[\w+/]{43}='", each) for each in allowed[1:])
    again = build_app(Settings()).csp_hashes()
    assert set(again) <= set(allowed)
    assert "http" not in policy


@pytest.mark.parametrize("path", [*PAGES, *FILES])
def test_every_answer_has_the_headers_and_one_charset(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Permissions-Policy"]
    assert len(answer.headers.getlist("Content-Security-Policy")) == 1
    kind = answer.headers["Content-Type"]
    assert kind.count("charset") == (0 if kind.startswith(("image/", "application/json")) else 1)


def test_files_of_the_page_may_be_kept_and_nothing_else(client: FlaskClient) -> None:
    scripts = scripts_of(client)
    assert len(scripts) > 3
    for path in PAGES:
        assert client.get(path).headers["Cache-Control"] == "no-store"
    for path in (*FILES, scripts[0]):
        assert "no-store" not in client.get(path).headers.get("Cache-Control", "")


def test_what_is_not_there_is_said_in_a_sentence(client: FlaskClient) -> None:
    for path in ("/_dash-component-suites/os/path.py", "/assets/../app.py", "/export/x.csv"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert answer.mimetype == "text/plain"
        assert "os" not in answer.text.split()
