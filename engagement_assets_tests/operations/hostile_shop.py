"""A shop whose customers, rows and files are made to be mistaken for each other."""

from __future__ import annotations

import csv
import gzip
import json
import unicodedata
from datetime import date
from pathlib import Path

from engagement_assets.analysis.backtest.sensitivity import component_scores, customer_rows, try_weightings
from engagement_assets.cli.analysis import write_ranges
from engagement_assets.exports.audience_files import write_audiences
from engagement_assets.exports.csv_files import export_csv
from engagement_assets.exports.power_bi.project import write_project
from engagement_assets_tests.worlds import World

DAY = "2025-03-01"

COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "José-1") for form in ("NFC", "NFD"))

#: Identifiers and addresses: parts of each other, numbers and words that are everywhere, signs that formats escape.
PEOPLE: dict[str, str | None] = {
    "1": "Office@x.org",
    "12": "ann@x.org.uk",
    "7": None,
    "007": "office@X.org",
    "2025": "n/a",
    "Victim-77": "Ann@X.org",
    "Victim-770": "joann@x.org",
    "Victim-77-b": None,
    "O'Brien": "o'ann@x.org",
    'say "hi"': None,
    "a.*b": "jörg@exämple.org",
    "50%_off\\": None,
    "a&b=c?d#e": None,
    COMPOSED: None,
    DECOMPOSED: None,
    "=cmd|' /C calc'!A0": None,
    "checkout": None,
    "page_view": None,
}

_HI, _OFF = 'say "hi"', "50%_off\\"

#: Lines that are rejected -> whose they are; lines of nobody in PEOPLE stay whoever is erased.
LINES: dict[str, set[str]] = {
    '{"customer_id":" Victim-77 ","event_time":"soon","event_type":"page_view"}': {"Victim-77"},
    '{"Victim-77":{"event":"x"}}': {"Victim-77"},
    '{"who":{"ids":["Victim-77"]}}': {"Victim-77"},
    '{"customer_id":"\\u0056ictim-77", "event_time":': {"Victim-77"},
    '{"customer\\u005fid":"Victim-77","event_time":"soon"}': {"Victim-77"},
    '"{\\"customer_id\\":\\"Victim-77\\",\\"event_time\\":\\"soon\\"}"': {"Victim-77"},
    '{"customer_id":null,"event_type":"mail to ANN@x.ORG bounced"}': {"Victim-77"},
    '{"customer_id":"","note":"ann\\u0040x.org."}': {"Victim-77"},
    '{"page":"/u/Victim%2D77?x=1", ': {"Victim-77"},
    '{"page":"/u?mail=ann%40x.org&x=1", ': {"Victim-77"},
    "Victim-77;2025-03-01;page_view": {"Victim-77"},
    "{'customer_id': 'Victim-77'}": {"Victim-77"},
    '{"customer_id":"nobody","note":"forwarded to <Ann@x.org>"': {"Victim-77"},
    '{"customer_id":"Victim-770","event_time":"soon"}': {"Victim-770"},
    '{"customer_id":"Victim-77-b","event_time":': {"Victim-77-b"},
    '{"customer_id":"Victim-77-c","event_time":': set(),
    '{"customer_id":"Victim-771","event_time":"soon"}': set(),
    '{"note":"joann@x.org"': {"Victim-770"},
    '{"note":"o\'ann@x.org"': {"O'Brien"},
    '{"note":"ann@x.org.uk"': {"12"},
    '{"note":"mary-ann@x.org, ann@x.org.example, ann+1@x.org"': set(),
    '{"note":"OFFICE@x.org"': set(),  # of two customers: it does not tell whose
    '{"customer_id":1,"event_time":"soon"}': {"1"},
    '{"customer_id":1.0,"event_time":"soon"}': {"1"},
    '{"customer_id":"1", "event_time":': {"1"},
    '{"customer_id": 1, "event_time":': {"1"},
    '{"customerId":1}': {"1"},
    '{"customer_id":"1 ","event_time":"soon"}': {"1"},
    '{"customer_id":"1\\t","event_time":"soon"}': set(),
    '{"customer_id":"12","quantity":1,"event_time":"soon"}': {"12"},
    '{"customer_id":12,"items":[{"customer_id":7}],"event_time":"soon"}': {"12"},
    '{"quantity":1,"event_id":"1"}': set(),
    "1,12,007,2025": set(),
    "[1, 12, 2025]": set(),
    '{"customer_id":"007","event_time":': {"007"},
    '{"customer_id":"0070","event_time":': set(),
    '{"customer_id":7,"event_time":"2025"}': {"7"},
    '{"customer_id":2025,"event_time":"soon"}': {"2025"},
    '{"mail":"n/a"}': set(),
    '{"customer_id":"O\'Brien","event_time":': {"O'Brien"},
    json.dumps({"customer_id": _HI, "event_time": "soon"}): {_HI},
    json.dumps({"customer_id": _HI, "event_time": "soon"})[:-1]: {_HI},
    json.dumps({"customer_id": _OFF, "event_time": "soon"}): {_OFF},
    json.dumps({"customer_id": _OFF, "event_time": "soon"})[:-1]: {_OFF},
    '{"customer_id":"a.*b","event_time":"soon"}': {"a.*b"},
    '{"customer_id":"aXXb","event_time":"soon"}': set(),
    '{"note":"JÖRG@EXÄMPLE.ORG"': {"a.*b"},
    '{"page":"/x?who=a%26b%3Dc%3Fd%23e", ': {"a&b=c?d#e"},
    '{"customer_id":"Jos\\u00e9-1","event_time":': {COMPOSED},
    f'{{"customer_id":"{COMPOSED}","event_time":"soon"}}': {COMPOSED},
    f'{{"customer_id":"{DECOMPOSED}","event_time":"soon"}}': {DECOMPOSED},
    '{"customer_id":"checkout","event_time":': {"checkout"},
    '{"event_type":"checkout","event_time":"soon"}': set(),
    '{"event_type":"page_view","event_time":': set(),
    "{}": set(),
    "{": set(),
}

#: Files of the user's own below the export folder, all of which name customers of each kind.
OWN_FILES = (
    *("customers.csv.bak", "notes.csv", "list.jsonl", "my/customers.csv", "my/orders.csv", "audiences/own.csv"),
    *("audiences/own.jsonl", "power_bi/readme.txt", "2024/engagement_scores.csv", "packed.csv.gz", ".hidden.tmp"),
)


def build(root: Path) -> World:
    """The shop, built for a day, with exports of every kind and files of the user's own among them."""
    world = World(root, {"start_date": DAY, "rejected_share_limit": 1.0})
    world.customers(
        [
            {"customer_id": f" {name} ", "email": email, "signup_date": DAY, "country": "12"}
            for name, email in PEOPLE.items()
        ]
    )
    world.customers(
        [
            {"customer_id": None, "email": " ANN@X.ORG", "signup_date": date(2025, 3, 1)},
            {"customer_id": "other", "email": "ann@x.org", "signup_date": None},
        ],
        name="bad.parquet",
    )
    amounts = ["1", "12.00", "7.00", "2025.00"]
    orders = [
        {"order_id": str(number), "customer_id": name, "order_date": DAY, "order_amount": amounts[number % 4]}
        for number, name in enumerate(PEOPLE)
    ]
    bad = [("x1", "12", "-1"), ("1", " 1 ", "-12"), ("x2", "Victim-77", "-7"), ("x3", "nobody", "12")]
    orders += [
        {"order_id": order, "customer_id": who, "order_date": DAY, "order_amount": amount} for order, who, amount in bad
    ]
    world.orders(orders)
    events = [
        json.dumps({"customer_id": name, "event_time": f"{DAY}T09:00:00", "event_type": "checkout"}) for name in PEOPLE
    ]
    events.append(json.dumps({"customer_id": "12", "event_time": f"{DAY}T10:00:00", "event_type": "for Victim-77"}))
    world.lines([*events, *LINES])
    whole = gzip.compress(("".join(f'{{"customer_id":"Victim-77","n":{n}}}\n' for n in range(999))).encode())
    (root / "raw" / "web_events" / "cut.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    world.run(DAY)
    export_csv(world.lake, world.settings)
    customers, parts = component_scores(world.lake, DAY)
    write_ranges(world.settings, DAY, customer_rows(customers, try_weightings(parts, world.settings.scoring)))
    write_project(world.settings)
    write_audiences(world.settings, world.lake)
    for name in OWN_FILES:
        place = Path(world.settings.export, name)
        place.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(f'"{who}";ann@x.org;Victim-77\r\n' for who in ("customer_id", *PEOPLE))
        place.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    with Path(world.settings.export, "mine.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([["customer_id"], *([who] for who in PEOPLE)])
    return world
