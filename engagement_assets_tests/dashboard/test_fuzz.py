"""More than two thousand requests that no page sends, to every address of a real server: no failure, no leak, bounded memory.

The seed is fixed. `python -m pytest … --log-cli-level=INFO` shows what was answered.
"""

from __future__ import annotations

import copy
import functools
import http.client
import json
import logging
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_from_bytes

import pytest

from engagement_assets.dashboard.lists import LISTS
from engagement_assets.dashboard.site import EXPORTS, PAGES
from engagement_assets.operations.dagster_home import HOME_VARIABLE
from engagement_assets_tests import PROJECT
from engagement_assets_tests.servers import free_port, running, wait_for
from engagement_assets_tests.worlds import World

SEED = 20261129
CALLBACKS = "/_dash-update-component"
JSON = {"Content-Type": "application/json"}

#: In the server's environment, and in no answer.
SECRET = "https://hooks.example.com/services/kept-from-everybody"

#: The task's own limit of what the server may take, bytes.
MOST_MEMORY = 1_000_000_000

log = logging.getLogger(__name__)

#: Values that components never have.
STRANGE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 1.5, -0.0, 2**31, 2**53 + 1, 10**30, 1e308, float("nan"), float("inf"),
    -float("inf"), "", " ", "null", "\0", "a\0b", "\ud800", "\udfff\ud800", "\u202e", "😀" * 30, "x" * 300,
    "x" * 9_000, "%00", "%ED%A0%80", "' OR 1=1 --", "{scores}", "$p0", "../../../etc/passwd",
    "<script>alert(1)</script>", "=1+1", "2026-06-30", "9999-12-31", "-1", "NaN", "Infinity", "1e400",
    "?date=2026-02-30", "?" + "country=DE&" * 200, "?cid=%00&where={", "?where=" + "[" * 900,
    "?where=" + quote('{"total_revenue":{"type":"equals","filter":1e999}}'), "?sort=" + "a" * 500 + ":desc", [], {},
    [None], [[]], [{}], {"": None}, {"a": {"b": {"c": []}}}, ["x"] * 600, {"id": "url"}, ["ALL"], {"points": []},
    {"points": [{}]}, {"points": [{"y": {"a": 1}, "customdata": []}]}, {"data": None},
    {"rowId": 1, "colId": "customer_id"},
)  # fmt: skip

PATHS = (
    "/assets/../app.py", "/assets/%2e%2e/app.py", "/assets/..%2fapp.py", "/assets/%00", "/assets/style.css%00.txt",
    "/assets//etc/passwd", "/assets/....//....//etc/passwd", "/assets/\\..\\..\\app.py",
    "/assets/%c0%ae%c0%ae/app.py", "/assets/", "/_dash-component-suites/dash/../../etc/passwd",
    "/_dash-component-suites/os/path.py", "/_dash-component-suites/dash/dash.py", "/_dash-component-suites/dash/%00",
    "/_dash-component-suites/dash/deps/x.v1m2.min.js", "/_dash-component-suites/a/b/c",
    "/_dash-component-suites/engagement_assets/settings.py", "/_dash-component-suites//x", "/export/../x.csv",
    "/export/passwd.csv", "/export/%2e%2e%2fpasswd.csv", "/export/customers.csv.csv", "/export/.csv",
    "/export/%00.csv", "/static/x", "/_mcp", "/_alive", "/_dash-layout/x", "/_dash-ws", "/_reload-hash",
    "/_favicon.ico", "/_dash-update-component", "//evil.example/x", "/%ff%fe", "/etc/passwd", "/..",
    "/?" + "x" * 9_000, "/" + "a/" * 4_200, "/customer?cid=%F0%9F%98%80", "/_dash-layout", "/_dash-dependencies",
)  # fmt: skip

FOREIGN = (
    "evil.example", "evil.example:8050", "localhost.evil.example", "127.0.0.1.evil.example", "localhost@evil.example",
    "", "10.0.0.1", "evil.example#localhost", "[::2]", "[::1", "127.0.0.1, evil.example", "0.0.0.0",
    "xn--80ak6aa92e.com", "localhost:port", "::1",
)  # fmt: skip
ORIGINS = (
    "null",
    "",
    "https://evil.example",
    "http://localhost.evil.example",
    "file://",
    "http://[",
    "http://localhost@x.example",
)


@dataclass(frozen=True)
class Asked:
    """A request; `refused`: what it has to be answered with, if that is known."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    refused: int | None = None


class Requests:
    """Requests made from what the server tells of its callbacks, and spoilt."""

    def __init__(self, dependencies: list[dict[str, Any]], customer: str) -> None:
        self.chance = random.Random(SEED)
        self._values: dict[str, list[Any]] = {
            "url.pathname": [page.path for page in PAGES],
            "url.search": [
                "",
                "?compare=7",
                "?country=DE&segment=High",
                f"?cid={customer}&from=customers&date=2026-06-29",
            ],
            "as-of.value": ["2026-06-30", "2026-06-29", "2025-12-15"],
            "compare.value": ["7", "30", "other"],
            "compare-day.value": ["2026-06-23"],
            "country.value": [[], ["DE"], ["DE", "FR"]],
            "segment.value": [[], ["High"]],
            "value.value": [[], ["Core"]],
            "customer-search.value": [customer],
        }
        self._callbacks = [each for each in dependencies if not each.get("clientside_function")]
        assert {"page.children", "nav.children", "status.children"} <= {each["output"] for each in self._callbacks}

    def everything(self) -> Iterator[Asked]:
        """All requests in an order of chance."""
        made = [*self.spoilt(750), *self.grids(300), *self.bodies(330), *self.addresses(460), *self.strangers(260)]
        self.chance.shuffle(made)
        return iter(made)

    def payload(self, callback: dict[str, Any]) -> dict[str, Any]:
        """What the browser sends for a callback."""

        def component(name: str) -> Any:
            return {**json.loads(name), "name": "customers", "rev": "0"} if name.startswith("{") else name

        def item(part: dict[str, str]) -> Any:
            name = component(part["id"])
            values = self._values.get(f"{part['id']}.{part['property']}", [None])
            value = name if part["property"] == "id" else self.chance.choice(values)
            if part["property"] == "getRowsRequest":
                value = self.block()
            one = {"id": name, "property": part["property"], "value": value}
            return [one] if '["ALL"]' in part["id"] else one

        output = callback["output"]
        names = [name.rpartition(".") for name in output.strip(".").split("...")]
        outputs = [item({"id": name, "property": prop}) for name, _, prop in names]
        inputs = [item(part) for part in callback["inputs"]]
        return {
            "output": output,
            "outputs": outputs if output.startswith("..") else outputs[0],
            "inputs": inputs,
            "state": [item(part) for part in callback["state"]],
            "changedPropIds": [f"{each['id']}.{each['property']}" for each in inputs if "value" in each][:1],
        }

    def block(self) -> dict[str, Any]:
        """A grid's request, mostly one that a grid could send."""
        column = self.chance.choice([each.key for each in LISTS["customers"].columns] + ["email", "1=1"])
        kind = self.chance.choice(["contains", "equals", "lessThan", "inRange", "blank", "notContains", "; DROP"])
        value: Any = self.chance.choice(["a", "C0", 5, 0.5, "2026-06-01", "%", "'", "\\", None])
        condition = {"filterType": "text", "type": kind, "filter": value, "filterTo": value, "dateFrom": value}
        several = {
            "operator": self.chance.choice(["AND", "OR", "XOR"]),
            "conditions": [condition] * self.chance.choice([1, 2, 40]),
        }
        many = {f"c{number}": condition for number in range(60)}
        return {
            "startRow": self.chance.choice([0, 100, 599, 10**6, -5]),
            "endRow": self.chance.choice([100, 200, 10**6, 600]),
            "sortModel": [{"colId": column, "sort": self.chance.choice(["asc", "; --"])}]
            * self.chance.choice([0, 1, 9]),
            "filterModel": self.chance.choice([{}, {column: condition}, {column: condition}, {column: several}, many]),
        }

    def spoil(self, value: Any) -> Any:
        """The payload with something in it that does not belong there, or missing."""
        spoilt = copy.deepcopy(value)
        place: Any = spoilt
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                return spoilt
            key = self.chance.choice(keys)
            if isinstance(place[key], (dict, list)) and self.chance.random() < 0.75:
                place = place[key]
                continue
            how = self.chance.random()
            if how < 0.15:
                del place[key]
            elif how < 0.25 and isinstance(place, list):
                place *= self.chance.choice([2, 50])
            elif how < 0.3:
                place[key] = functools.reduce(lambda inner, _: [inner], range(20), place[key])
            else:
                place[key] = self.chance.choice(STRANGE)
            return spoilt

    def spoilt(self, number: int) -> Iterator[Asked]:
        """Payloads of all callbacks, spoilt once to three times."""
        for index in range(number):
            body = self.payload(self._callbacks[index % len(self._callbacks)])
            for _ in range(self.chance.choice([0, 1, 1, 1, 2, 3])):
                body = self.spoil(body)
            yield Asked("POST", CALLBACKS, JSON, json.dumps(body).encode())

    def grids(self, number: int) -> Iterator[Asked]:
        """Blocks of grids, in strange orders and under strange filters."""
        (grid,) = [each for each in self._callbacks if each["output"].count("getRowsResponse")]
        for _ in range(number):
            body = self.payload(grid)
            if self.chance.random() < 0.5:
                body["inputs"][0]["value"] = self.spoil(body["inputs"][0]["value"])
            yield Asked("POST", CALLBACKS, JSON, json.dumps(body).encode())

    def bodies(self, number: int) -> Iterator[Asked]:
        """Bodies that are no payload at all."""
        whole = json.dumps(self.payload(self._callbacks[0])).encode()
        fixed = [
            b"", b"null", b"[]", b"{}", b'"x"', b"NaN", b"1" * 5_000, b"[" * 200_000, b'{"a":' * 40_000, b"\xff\xfe\x00",
            b'{"output": "\\ud800"}', b'{"output": {"a": 1}}', b'{"output": "page.children", "inputs": ' + b"9" * 4_000 + b"}",
            b"[" + b"1," * 100_000 + b"1]", b'{"x": "' + b"a" * 250_000 + b'"}', whole.replace(b'"/', b'"\\u0000/'),
        ]  # fmt: skip
        for body in fixed:
            yield Asked("POST", CALLBACKS, JSON, body, refused=400)
        for size in (300_000, 900_000):
            yield Asked("POST", CALLBACKS, JSON, b" " * size, refused=413)
        yield Asked("POST", CALLBACKS, {**JSON, "Content-Length": str(10**9)}, refused=413)  # before any of it came
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
            yield Asked("POST", CALLBACKS, {"Content-Type": kind}, whole, refused=415)
        for query in ("?cacheKey=x&job=1", "?oldJob=1&endId=x", "?cancelJob=1"):
            yield Asked("POST", CALLBACKS + query, JSON, whole, refused=400)
        for _ in range(number - len(fixed) - 10):
            cut = self.chance.randrange(len(whole))
            noise = bytes(self.chance.randrange(256) for _ in range(self.chance.randrange(1, 20)))
            yield Asked("POST", CALLBACKS, JSON, whole[:cut] + noise + whole[cut + self.chance.randrange(40) :])

    def addresses(self, number: int) -> Iterator[Asked]:
        """Pages, files and parts of the page under strange addresses, by every method."""
        keys = [
            "date",
            "compare",
            "country",
            "segment",
            "value",
            "cid",
            "by",
            "within",
            "list",
            "from",
            "sort",
            "where",
            "x",
        ]
        texts = [each for each in STRANGE if isinstance(each, str)]
        for index in range(number):
            path = self.chance.choice(PATHS)
            if index % 3:
                known = [f"/export/{name}.csv" for name in sorted(EXPORTS)] + [page.path for page in PAGES]
                pairs = [
                    f"{self.chance.choice(keys)}={quote(self.chance.choice(texts)[:700], errors='replace')}"
                    for _ in range(self.chance.randrange(4))
                ]
                noise = quote_from_bytes(bytes(self.chance.randrange(256) for _ in range(5)))
                path = f"{self.chance.choice(known)}?{'&'.join([*pairs, noise])}"
            method = self.chance.choice(["GET"] * 12 + ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
            yield Asked(method, path)

    def strangers(self, number: int) -> Iterator[Asked]:
        """Requests that pages of other sites would make; all are refused."""
        whole = json.dumps(self.payload(self._callbacks[1])).encode()
        places = ["/", "/_dash-layout", "/_dash-dependencies", "/export/customers.csv", "/assets/style.css", "/no/such"]
        for index in range(number):
            method, path = ("POST", CALLBACKS) if index % 2 else ("GET", self.chance.choice(places))
            headers = {"Host": self.chance.choice(FOREIGN)}
            if index % 3 == 1:
                headers = {"Origin": self.chance.choice(ORIGINS)}
            elif index % 3 == 2:
                headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": self.chance.choice(["cors", "no-cors"])}
            yield Asked(method, path, {**JSON, **headers}, whole if index % 2 else b"", refused=403)


class Server:
    """The dashboard in a process of its own, asked over one connection."""

    def __init__(self, port: int, process: subprocess.Popen[bytes]) -> None:
        self.port, self.process = port, process
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, asked: Asked) -> tuple[int, dict[str, str], str]:
        """Status, headers and text of an answer."""
        connection = self._connection
        connection.putrequest(asked.method, asked.path, skip_host=True, skip_accept_encoding=True)
        for name, value in {"Host": f"127.0.0.1:{self.port}", **asked.headers}.items():
            connection.putheader(name, value)
        if asked.body:
            connection.putheader("Content-Length", str(len(asked.body)))
        connection.endheaders(asked.body or None)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, text

    def peak(self) -> int:
        """The most memory that the process ever held, bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024


@pytest.fixture(scope="module")
def server(sample_world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The command `engagement dashboard` over the sample data."""
    assert sample_world.instance is not None
    port, log_file = free_port(), tmp_path_factory.mktemp("dashboard") / "log"
    environment = {
        "ENGAGEMENT_LAKE": sample_world.settings.lake,
        "ENGAGEMENT_ALERT_WEBHOOK": SECRET,
        HOME_VARIABLE: str(sample_world.root / "home"),
    }
    command = [sys.executable, "-m", "engagement_assets.cli", "dashboard", "--port", str(port)]
    with running(command, log_file, environment) as process:
        wait_for(f"http://127.0.0.1:{port}/", process, log_file)
        yield Server(port, process)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_no_request_breaks_the_server_or_gets_what_it_should_not(server: Server, sample_world: World) -> None:
    customers = {row["customer_id"] for row in sample_world.rows("engagement_scores", "2026-06-30")}
    someone = min(customers)
    requests = Requests(json.loads(server.ask(Asked("GET", "/_dash-dependencies"))[2]), someone)
    places = (str(sample_world.root), str(PROJECT), sys.prefix, str(Path.home()), "site-packages")
    of_the_machine = (*places, "Traceback", 'File "', SECRET)
    answered: Counter[int] = Counter()
    wrong: list[tuple[Asked, int, str]] = []
    for asked in requests.everything():
        status, headers, text = server.ask(asked)
        answered[status] += 1
        leaks = [each for each in of_the_machine if each in text]
        if status >= 400:
            sent = f"{asked.path} {asked.body!r}"
            leaks += [each for each in customers.intersection(re.findall(r"\w+", text)) if each not in sent]
            leaks += re.findall(r"\S+@\S+", text)
        unsafe = status != 413 and headers.get("x-content-type-options") != "nosniff"
        unexpected = asked.refused is not None and status != asked.refused
        silent = status >= 400 and asked.method != "HEAD" and not text.strip()
        if status >= 500 or leaks or unexpected or unsafe or silent:
            wrong.append((asked, status, f"{leaks} {text[:300]}"))
    log.info("%s; most memory %.0f MB", dict(answered), server.peak() / 1e6)
    assert wrong == []
    assert answered.total() >= 2_000
    assert answered[200] > 300  # among them are requests that a page could send
    assert answered[400] > 300
    assert server.peak() < MOST_MEMORY
    # It is as it was.
    (callback,) = [each for each in requests._callbacks if each["output"] == "page.children"]
    whole = {**requests.payload(callback)}
    for given, value in zip(whole["inputs"], ("/", "?compare=7"), strict=True):
        given["value"] = value
    status, _, text = server.ask(Asked("POST", CALLBACKS, JSON, json.dumps(whole).encode()))
    assert status == 200
    assert f">{len(customers):,}<" in json.dumps(json.loads(text))
