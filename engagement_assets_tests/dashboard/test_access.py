"""Who gets an answer from the dashboard: names, pages of other sites, and people who have signed in."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from typer.testing import CliRunner
from werkzeug.security import check_password_hash
from werkzeug.test import TestResponse

from engagement_assets.cli.app import app as command_line
from engagement_assets.dashboard.access import SignInMissingError, demand_sign_in
from engagement_assets.dashboard.app import build_app
from engagement_assets.dashboard.users import Users, UsersError
from engagement_assets.settings import Settings

PASSWORD = "correct horse battery"

#: An address of each kind: a page, what Dash asks for, a file of rows, a file of the page, none.
ADDRESSES = (
    "/",
    "/customer?cid=C1",
    "/_dash-layout",
    "/_dash-dependencies",
    "/export/customers.csv",
    "/assets/style.css",
    "/x/y",
)


def settings_of(root: Path, **options: Any) -> Settings:
    return Settings(lake=str(root / "lake"), dashboard_users=str(root / "users.json"), **options)


def client_of(settings: Settings) -> FlaskClient:
    return build_app(settings).server.test_client()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    """A dashboard that nobody has to sign in to, and that has a name of its own."""
    root = tmp_path_factory.mktemp("open")
    return client_of(settings_of(root, dashboard_hosts="Dashboard.example.com, 10.1.2.3,fd00::7"))


# ---- names --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        *(
            "localhost",
            "LocalHost:8050",
            "localhost.",
            "127.0.0.1",
            "127.0.0.1:1",
            "127.8.9.10:65535",
            "[::1]",
            "[::1]:8050",
        ),
        *("dashboard.example.com", "DASHBOARD.example.com:443", "10.1.2.3:8050", "[fd00::7]:8050"),
    ],
)
def test_loopback_and_the_names_of_the_setting_are_answered(client: FlaskClient, host: str) -> None:
    assert client.get("/", headers={"Host": host}).status_code == 200
    assert client.get("/", headers={"Host": host, "Origin": f"https://{host}"}).status_code == 200


@pytest.mark.parametrize("path", ADDRESSES)
@pytest.mark.parametrize(
    "host", ["rebound.example", "127.0.0.1.nip.io", "localhost@x.example", "example.com", "10.1.2.4"]
)
def test_any_other_name_is_refused_whatever_is_asked_for(client: FlaskClient, host: str, path: str) -> None:
    answer = client.get(path, headers={"Host": host})
    assert answer.status_code == 403
    assert "ENGAGEMENT_DASHBOARD_HOSTS" in answer.text
    assert host not in answer.text


@pytest.mark.parametrize(
    "origin", ["null", "https://rebound.example", "http://localhost.rebound.example", "file://", "http://["]
)
def test_a_page_of_another_site_gets_nothing(client: FlaskClient, origin: str) -> None:
    for method in ("POST", "GET"):
        answer = client.open("/_dash-update-component", method=method, json={}, headers={"Origin": origin})
        assert answer.status_code == 403
        assert "ENGAGEMENT_DASHBOARD_HOSTS" in answer.text


def test_a_link_from_another_site_may_be_followed_and_nothing_else_comes_from_there(client: FlaskClient) -> None:
    def ask(method: str, mode: str) -> int:
        headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": mode}
        return client.open("/", method=method, headers=headers).status_code

    assert ask("GET", "navigate") == 200
    assert ask("GET", "no-cors") == 403
    assert ask("POST", "navigate") == 403


# ---- signing in ---------------------------------------------------------------------------------------------------------


def signed_in(
    client: FlaskClient, name: str = "ada", password: str = PASSWORD, path: str = "/", **options: Any
) -> TestResponse:
    return client.open(path, auth=(name, password), **options)


def test_without_a_password_no_address_is_answered(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    Users(settings).give("ada", PASSWORD)
    app = build_app(settings)
    client = app.server.test_client()
    rules = {
        rule.rule.replace("<path:", "").replace("<string:", "").replace("<", "").replace(">", "")
        for rule in app.server.url_map.iter_rules()
    }
    assert len(rules) > 8
    for path in sorted(rules | set(ADDRESSES)):
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE"):
            answer = client.open(path, method=method)
            assert answer.status_code == 401, (method, path)
            assert answer.headers["WWW-Authenticate"].startswith("Basic ")
            assert answer.headers["Cache-Control"] == "no-store"
            assert len(answer.text) < 100
        assert signed_in(client, path=path).status_code in (200, 404, 405)
    assert client.options("/").status_code == 405


def test_a_wrong_password_is_refused_and_a_changed_or_removed_one_at_once(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    users = Users(settings)
    users.give("ada", PASSWORD)
    client = client_of(settings)
    assert signed_in(client).status_code == 200
    for name, password in (
        ("ada", PASSWORD + "x"),
        ("ada", ""),
        ("Ada", PASSWORD),
        ("", PASSWORD),
        ("ada\udcff", PASSWORD),
    ):
        assert signed_in(client, name.encode(errors="replace").decode(), password).status_code == 401
    users.give("jörg", "a pässword: with colon")
    assert signed_in(client, "jörg", "a pässword: with colon").status_code == 200
    users.give("ada", "another password")
    assert signed_in(client).status_code == 401
    assert signed_in(client, password="another password").status_code == 200
    users.remove("ada")
    assert signed_in(client, password="another password").status_code == 401


def test_after_ten_wrong_passwords_a_name_waits_and_who_is_in_stays_in(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    Users(settings).give("ada", PASSWORD)
    client = client_of(settings)
    assert signed_in(client).status_code == 200
    elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
    tried = [signed_in(client, password=f"guess {number}", environ_overrides=elsewhere) for number in range(12)]
    assert [answer.status_code for answer in tried] == [401] * 10 + [429] * 2
    assert 0 < int(tried[-1].headers["Retry-After"]) <= 60
    assert "Try again in" in tried[-1].text
    assert signed_in(client).status_code == 200
    # Nor may the address try other names; others may.
    assert signed_in(client, "bob", environ_overrides=elsewhere).status_code == 429
    assert signed_in(client, "bob", environ_overrides={"REMOTE_ADDR": "192.0.2.8"}).status_code == 401


def test_a_file_of_users_that_is_gone_damaged_or_open_to_others_lets_nobody_in(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    users = Users(settings)
    users.give("ada", PASSWORD)
    client = client_of(settings)
    whole = users.place.read_bytes()
    for harm in (
        lambda: users.place.chmod(0o640),
        lambda: users.place.write_text("{", encoding="utf-8"),
        lambda: users.place.write_text('["ada"]', encoding="utf-8"),
        lambda: users.place.unlink(),
    ):
        harm()
        answer = signed_in(client)
        assert answer.status_code == 503
        assert "ENGAGEMENT_DASHBOARD_USERS" in answer.text
        assert str(tmp_path) not in answer.text
        if users.place.exists():
            with pytest.raises(UsersError, match=r"chmod 600|Delete it"):
                demand_sign_in(settings, "127.0.0.1", without=True)
        users.place.unlink(missing_ok=True)
        users.place.touch(mode=0o600)
        users.place.write_bytes(whole)
        assert signed_in(client).status_code == 200


def test_users_that_come_while_the_dashboard_runs_have_to_sign_in(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    client = client_of(settings)
    assert client.get("/").status_code == 200
    Users(settings).give("ada", PASSWORD)
    assert client.get("/").status_code == 401


# ---- the command --------------------------------------------------------------------------------------------------------


def test_passwords_are_kept_hashed_for_the_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "deeper" / "users.json"
    monkeypatch.setenv("ENGAGEMENT_DASHBOARD_USERS", str(place))

    def command(*words: str, typed: str = "") -> tuple[int, str]:
        result = CliRunner().invoke(command_line, ["dashboard-user", *words], input=typed)
        return result.exit_code, result.output

    assert command("ada", typed=f"{PASSWORD}\n")[0] == 0
    assert command("bob", typed=PASSWORD)[0] == 0
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    found = json.loads(place.read_text(encoding="utf-8"))
    assert sorted(found) == ["ada", "bob"]
    assert found["ada"] != found["bob"]
    assert all(hashed.startswith("scrypt:") and check_password_hash(hashed, PASSWORD) for hashed in found.values())
    assert command("bob", "--remove")[0] == 0
    for words, typed, sentence in (
        (("ada",), "short\n", "10 to 200 characters"),
        (("a:b",), PASSWORD, "none of them a colon"),
        ((" ada",), PASSWORD, "no space around"),
        (("bob", "--remove"), "", "there is no user 'bob'"),
        (("ada", "--remove"), "", "is the last user"),
    ):
        code, said = command(*words, typed=typed)
        assert code == 2
        assert sentence in said
    assert list(json.loads(place.read_text(encoding="utf-8"))) == ["ada"]
    assert [each.name for each in place.parent.iterdir()] == ["users.json"]


def test_others_are_let_near_with_a_password_or_by_name_of_the_switch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, named = settings_of(tmp_path), settings_of(tmp_path, dashboard_hosts="dashboard.example.com")
    for host in ("127.0.0.1", "localhost", "::1", "127.9.9.9"):
        demand_sign_in(alone, host, without=False)
    for settings, host in ((alone, "0.0.0.0"), (alone, "::"), (alone, "10.0.0.1"), (named, "127.0.0.1")):
        with pytest.raises(SignInMissingError, match=r"dashboard-user NAME\. .* --without-sign-in"):
            demand_sign_in(settings, host, without=False)
        demand_sign_in(settings, host, without=True)
    monkeypatch.setenv("ENGAGEMENT_DASHBOARD_USERS", str(tmp_path / "users.json"))
    result = CliRunner().invoke(command_line, ["dashboard", "--host", "0.0.0.0"])
    assert result.exit_code == 1
    assert "--without-sign-in" in result.output
    Users(alone).give("ada", PASSWORD)
    demand_sign_in(alone, "0.0.0.0", without=False)
    assert client_of(named).get("/").status_code == 401


def test_the_address_that_it_was_told_to_listen_on_is_answered(tmp_path: Path) -> None:
    client = build_app(settings_of(tmp_path), listens_on=["192.0.2.1", "fd00::9"]).server.test_client()
    statuses = {
        host: client.get("/", headers={"Host": host}).status_code
        for host in ("192.0.2.1:8050", "[fd00::9]", "192.0.2.2")
    }
    assert list(statuses.values()) == [200, 200, 403]
