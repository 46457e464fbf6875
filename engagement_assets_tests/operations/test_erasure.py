"""A customer who is erased is in no file any more, whatever held them before, and no run brings them back."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import sqlite3
from contextlib import closing
from datetime import date
from hashlib import sha256
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from engagement_assets.analysis.backtest.sensitivity import component_scores, customer_rows, try_weightings
from engagement_assets.cli.analysis import write_ranges
from engagement_assets.cli.app import app
from engagement_assets.domain.contracts import TABLES, RawOrders
from engagement_assets.exports import erasing as exports
from engagement_assets.exports.csv_files import export_csv
from engagement_assets.exports.power_bi.project import write_project
from engagement_assets.exports.swapping import MANIFEST, hashes
from engagement_assets.lake import erasing
from engagement_assets.lake.subject import Subject
from engagement_assets.lake.tables import LakeResource
from engagement_assets.operations.erasure import UnknownCustomerError, forget
from engagement_assets.operations.erasure_search import Search
from engagement_assets.operations.refresh import carry_out
from engagement_assets.pipeline.rebuild_plan import make_plan
from engagement_assets_tests.operations.hostile_shop import COMPOSED, LINES, OWN_FILES, PEOPLE, build
from engagement_assets_tests.worlds import Row, World

#: The first partition, a day before anybody signs up: on the next, everybody is new, which is a change.
EVE = "2025-02-28"

START, MIDDLE, LAST = "2025-03-01", "2025-03-02", "2025-03-03"

#: Erased in the tests; the smallest identifier, so that it begins the ranges of identifiers in the tables' logs.
WHO, ADDRESS = "a-4711", "ann@example.com"


@pytest.fixture(autouse=True)
def own_dagster_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is searched is the test's own."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))


def sources(world: World, *, without: str = "") -> None:
    """Three customers with orders and events on each of three days; rejected rows of `WHO` of each kind."""
    people = [name for name in (WHO, "b-1", "c-2") if name != without]
    world.customers(
        [{"customer_id": name, "signup_date": date(2025, 3, 1), "email": _address(name)} for name in people]
    )
    days = (START, MIDDLE, LAST)
    orders = [
        {
            "order_id": f"{name}/{day}",
            "customer_id": name,
            "order_date": day,
            "order_amount": f"{10 + k + ord(name[0])}.00",
        }
        for name in people
        for k, day in enumerate(days)
    ]
    bad = [{"order_id": "bad", "customer_id": WHO, "order_date": LAST, "order_amount": "-1"}]
    world.orders(orders + (bad if not without else []))
    lines = [
        json.dumps({"customer_id": n, "event_time": f"{day}T09:00:00Z", "event_type": "page_view"})
        for n in people
        for day in days
    ]
    world.lines(
        lines + ([] if without else [f'{{"customer_id":"{WHO}", "event_time":', f'{{"customerId":"{WHO}"}}', "{"])
    )


def _address(name: str) -> str:
    return ADDRESS if name == WHO else f"{name}@example.com"


@pytest.fixture
def shop(built: World, tmp_path: Path) -> World:
    """A copy of the shop, for a test to erase in."""
    shutil.copytree(built.root / "raw", tmp_path / "raw")
    shutil.copytree(built.root / "lake", tmp_path / "lake")
    shutil.copytree(built.root / "export", tmp_path / "export")
    return World(tmp_path, options=dict(built.options))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, engine: object) -> World:
    """Two versions of the tables, an export, what Power BI Desktop keeps of it, a killed run's leftovers."""
    world = World(tmp_path_factory.mktemp("built"))
    world.options |= {"start_date": EVE, "rejected_share_limit": 1.0}
    sources(world)
    world.run(START, MIDDLE)
    world.run(MIDDLE, LAST)
    export_csv(world.lake, world.settings)
    customers, parts = component_scores(world.lake, LAST)
    write_ranges(world.settings, LAST, customer_rows(customers, try_weightings(parts, world.settings.scoring)))
    cache = write_project(world.settings).folder / "Engagement.SemanticModel" / ".pbi" / "cache.abf"
    cache.parent.mkdir()
    cache.write_text(f"rows of {WHO}, packed")
    leftover = Path(world.settings.lake, ".scratch", "dead-run", "orders", "part.txt")
    leftover.parent.mkdir(parents=True)
    leftover.write_text(f'{{"customer_id":"{WHO}"}}')
    return world


def everything(world: World) -> dict[str, str]:
    """Each file under the world but its sources as text: tables and checkpoints decoded, the rest byte by byte."""
    found = {}
    for place in world.root.rglob("*"):
        if place.is_file() and not place.is_relative_to(world.settings.data):
            text = place.read_bytes().decode("latin-1")
            if place.suffix == ".parquet":
                text += str(
                    duckdb.execute(
                        "FROM read_parquet($place, hive_partitioning = false)", {"place": str(place)}
                    ).fetchall()
                )
            found[str(place.relative_to(world.root))] = text
    return found


def those_with(world: World, *words: str) -> set[str]:
    """Files in which one of the words is found."""
    return {name for name, text in everything(world).items() if any(word in text for word in words)}


def contents(world: World) -> dict[str, list[Row]]:
    return {name: world.rows(name) for name in TABLES}


def test_no_file_names_an_erased_customer_and_no_run_brings_them_back(shop: World, tmp_path: Path) -> None:
    before = those_with(shop, WHO, ADDRESS)
    parts = (
        "raw_customers/data",
        "raw_orders/_delta_log",
        "rejected_rows",
        "engagement_scores",
        ".scratch",
        "export/engagement_scores.csv",
        "export/customers.csv",
        "export/score_history.csv",
        "export/orders.csv",
        "export/session_days.csv",
        "export/session_days.parquet",
        "export/customers.parquet",
        "export/sensitivity.csv",
        "export/power_bi/Engagement.SemanticModel/.pbi/cache.abf",
    )
    for part in parts:
        assert any(part in name for name in before)

    done = forget(shop.settings, shop.lake, WHO)
    assert (done.found.left, done.found.searched) == ([], len(everything(shop)))
    assert done.rows["raw_customers"] == done.rows["engagement_scores"] == done.rows["raw_orders"] == 3
    assert done.rows["rejected_rows"] == 3
    assert done.rows["engagement_scores.csv"] == done.rows["customers.csv"] == done.rows["sensitivity.csv"] == 1
    assert done.rows["score_history.csv"] == done.rows["orders.csv"] == done.rows["orders.parquet"] == 3
    assert done.rows["session_days.csv"] == done.rows["session_days.parquet"] == 3
    assert those_with(shop, WHO, ADDRESS) == set()
    assert {row["customer_id"] for row in shop.rows("engagement_scores")} == {"b-1", "c-2"}
    assert shop.rejected() == {"web_events:malformed_json": 1}  # the line that names nobody
    assert [shop.lake.unverified(table) + shop.lake.damage(table, verify=True) for table in TABLES.values()] == [
        []
    ] * len(TABLES)

    # The sources still hold them.
    result = shop.run(LAST)
    assert shop.metadata(result, "raw_orders")["rows_of_erased_customers"] == 4
    assert {row["customer_id"] for row in shop.rows("raw_orders")} == {"b-1", "c-2"}

    # Of the lines that are no rows, the one that names them plainly stays away.
    assert shop.rejected() == {"web_events:malformed_json": 1, "web_events:missing_customer_id": 1}

    # What was computed with them is outdated, and a refresh gives what sources without them would have given.
    planned = make_plan(shop.settings, shop.lake)
    assert carry_out(shop.settings, shop.lake, planned, shop.instance).success
    never = World(tmp_path / "never", options=dict(shop.options))
    sources(never, without=WHO)
    never.run(START, LAST)
    expected, found = contents(never), contents(shop)
    del expected["rejected_rows"], found["rejected_rows"]
    assert found == expected


def test_the_erasure_list_does_not_say_who(world: World) -> None:
    """Of a lake that never heard of them, too: the sources may yet bring them."""
    sources(world)
    forget(world.settings, world.lake, WHO)
    listed = world.lake.erasures
    assert listed.hashes == (listed.hash(WHO),)
    assert Path(world.lake.location, ".erased").stat().st_mode & 0o077 == 0
    forget(world.settings, world.lake, f"  {WHO} ")
    assert world.lake.erasures.hashes == listed.hashes
    forget(world.settings, world.lake, "b-1")
    assert len(world.lake.erasures.hashes) == 2


def test_the_command_asks_first_and_says_what_is_left_to_do(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("lake", "data", "export", "start_date"):
        monkeypatch.setenv(f"ENGAGEMENT_{name.upper()}", str(getattr(shop.settings, name)))
    refused = CliRunner().invoke(app, ["forget", WHO], input="n\n")
    assert refused.exit_code == 1
    assert len([row for row in shop.rows("raw_orders") if row["customer_id"] == WHO]) == 3
    done = CliRunner().invoke(app, ["forget", WHO, "--yes"])
    assert done.exit_code == 0, done.output
    assert "raw_orders: 3 row(s) erased" in done.stdout
    assert "Now take the customer out of the sources" in done.stdout
    assert "`engagement refresh` rebuilds these days" in done.stdout
    assert not [row for row in shop.rows("raw_orders") if row["customer_id"] == WHO]
    assert sum(shop.lake.partitions(RawOrders).values()) == 6


# ---- exactly the customer ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory, engine: object) -> World:
    return build(tmp_path_factory.mktemp("hostile"))


@pytest.fixture
def crowd(hostile: World, tmp_path: Path) -> World:
    """A copy of the hostile shop, with a Dagster home."""
    for name in ("raw", "lake", "export", "home"):
        shutil.copytree(hostile.root / name, tmp_path / name)
    return World(tmp_path, options=dict(hostile.options))


#: Those of whom any text that holds the identifier is found.
TELLING = {who for who in PEOPLE if Subject(who).is_telling}


#: Whom the suite erases one after the other; `operations.hostile_shop` has more, and was tried with all.
CROWD = ("1", "7", "Victim-77", "007", 'say "hi"', COMPOSED, "=cmd|' /C calc'!A0", "checkout")


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(place.relative_to(folder)): place.read_bytes() for place in folder.rglob("*") if place.is_file()}


def differences(world: World, before: Path, who: str) -> dict[str, list[tuple[object, ...]]]:
    """Rows of each table that are now and were not without the customer, or were and are not."""
    found = {}
    with duckdb.connect() as connection:
        for name, contract in TABLES.items():
            now = world.lake.files(contract) or None
            then = LakeResource(root=str(before)).files(contract)
            if not then:
                continue
            theirs = (
                f"customer_id = {literal(who)}"
                if "customer_id" in contract.columns()
                else f"raw IN ({', '.join(map(literal, ['', *rejected_of(who)]))}) AND raw <> ''"
                if name == "rejected_rows"
                else "false"
            )
            old = f"SELECT * FROM read_parquet({then}) WHERE NOT ({theirs})"
            new = f"SELECT * FROM read_parquet({now})" if now else f"{old} LIMIT 0"
            both = (f"({a}) EXCEPT ALL ({b})" for a, b in ((old, new), (new, old)))
            found[name] = [row for query in both for row in connection.execute(query).fetchall()]
    return {name: rows for name, rows in found.items() if rows}


def without(name: str, contents: bytes, who: str) -> bytes:
    """A file of the export, each record of which is a line, without a customer's."""
    if name.endswith(".parquet"):
        return contents
    lines = contents.decode().splitlines(keepends=True)
    if name.endswith(".jsonl"):
        return "".join(line for line in lines if json.loads(line)["customer_id"] != who).encode()
    if not name.endswith(".csv") or "customer_id" not in lines[0].strip().split(","):
        return contents
    safe = f"'{who}" if who[0] in "=+-@" else who
    records = zip(lines[1:], csv.DictReader(lines), strict=True)
    return "".join([lines[0], *(line for line, row in records if row["customer_id"] != safe)]).encode()


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def rejected_of(who: str) -> list[str]:
    lines = [line for line, owners in LINES.items() if who in owners]
    if who == "007":  # who is the last with this address: the other was erased before
        lines.append('{"note":"OFFICE@x.org"')
    of_orders = {
        "12": '{"order_id":"x1","customer_id":"12","order_date":"2025-03-01","order_amount":"-1"}',
        "1": '{"order_id":"1","customer_id":"1","order_date":"2025-03-01","order_amount":"-12"}',
        "Victim-77": '{"order_id":"x2","customer_id":"Victim-77","order_date":"2025-03-01","order_amount":"-7"}',
    }
    of_customers = {"Victim-77": '{"email":"ANN@X.ORG","signup_date":"2025-03-01","country":"DE"}'}
    return [*lines, *(found[who] for found in (of_orders, of_customers) if who in found)]


@pytest.mark.slow  # smaller: one customer, above, and one of the crowd, below
def test_each_of_a_crowd_is_erased_and_nobody_else_loses_or_gains_a_byte(crowd: World, tmp_path: Path) -> None:
    export, raw = Path(crowd.settings.export), bytes_of(Path(crowd.settings.data))
    own = {name: (export / name).read_bytes() for name in (*OWN_FILES, "mine.csv")}
    for number, who in enumerate(CROWD):
        before = tmp_path / f"before-{number}"
        shutil.copytree(crowd.settings.lake, before)
        files = bytes_of(export)

        done = forget(crowd.settings, crowd.lake, f" {who} ")
        assert done.found.left == []
        assert differences(crowd, before, who) == {}
        assert sum(done.rows[name] for name in ("raw_customers", "raw_orders", "raw_web_events")) >= 3
        assert (
            done.rows["rejected_rows"] == len(rejected_of(who))
            if rejected_of(who)
            else "rejected_rows" not in done.rows
        )

        # Files of the product lose the customer's lines and keep all others, byte for byte; files of the user's own stay.
        expected = {name: text if name in own else without(name, text, who) for name, text in files.items()}
        packed = {name for name in files if name.endswith(".parquet")}
        left = bytes_of(export)
        # Of a Parquet file the rows are compared; of the list of files, that it has their hashes.
        assert {name: left[name] for name in left if name not in packed | {MANIFEST}} == {
            name: text for name, text in expected.items() if name not in packed | {MANIFEST}
        }
        for name in packed:
            rows = pq.read_table(io.BytesIO(files[name])).to_pylist()
            assert pq.read_table(io.BytesIO(left[name])).to_pylist() == [
                row for row in rows if row.get("customer_id") != who
            ]
        assert hashes(export) == {name: sha256(left[name]).hexdigest() for name in hashes(export)}
        found = {str(Path(name).relative_to(export)) for name in done.found.yours}
        # Of whom a number or a word is the name, files with a column of customers.
        assert found == {name for name in own if who in TELLING or name.endswith(".csv")}, who
        shutil.rmtree(before)
    assert bytes_of(Path(crowd.settings.data)) == raw


def test_an_unknown_customer_is_told_and_changes_nothing(crowd: World) -> None:
    before = bytes_of(crowd.root)
    for who in ("Victim-7", "victim-77", "13", "ann@x.org", "%"):
        with pytest.raises(UnknownCustomerError, match=r"Nothing was changed"):
            forget(crowd.settings, crowd.lake, who)
    assert bytes_of(crowd.root) == before
    with pytest.raises(UnknownCustomerError, match=r"an e-mail address, of Victim-77\. Nothing"):
        forget(crowd.settings, crowd.lake, "ANN@x.org")
    nowhere = World(crowd.root / "nowhere")
    with pytest.raises(UnknownCustomerError):
        forget(nowhere.settings, nowhere.lake, "Victim-77")
    assert not nowhere.root.exists()


class Killed(BaseException):
    """Stands for a signal: nothing catches it."""


def test_an_erasure_that_is_stopped_anywhere_is_complete_when_it_is_done_again(
    crowd: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*arguments: object, **options: object) -> None:
        raise Killed

    drop = erasing._drop
    calls = iter([drop] * 4 + [killed] + [drop] * 100)
    steps: list[tuple[object, str, object]] = [
        (erasing, "note_unfinished", killed),
        (erasing, "_drop", lambda *arguments: next(calls)(*arguments)),
        (erasing, "replace_file", killed),
        (LakeResource, "vacuum", killed),
        (erasing, "_remove_replaced", killed),
        (exports, "drop_rows", killed),
        (exports, "remove_copies", killed),
        (Search, "everywhere", killed),
    ]
    for place, name, what in steps:
        monkeypatch.setattr(place, name, what)
        with pytest.raises(Killed):
            forget(crowd.settings, crowd.lake, "Victim-77")
        monkeypatch.undo()
        monkeypatch.setenv("DAGSTER_HOME", str(crowd.root / "home"))
    draft = Path(crowd.settings.export, ".customers.csv.0123abcd.tmp")
    draft.write_text("Victim-77,DE")
    done = forget(crowd.settings, crowd.lake, "Victim-77")
    assert (done.found.left, done.rows, draft.exists()) == ([], {}, False)
    names = re.compile(r"Victim-77(?!0|-|1)|(?<![a-z'.+-])ann@x.org(?![.])", re.IGNORECASE)
    others = {str(Path("export", name)) for name in (*OWN_FILES, "mine.csv")}
    found = {name: names.findall(text) for name, text in everything(crowd).items() if name not in others}
    # What is left is of others: an event of 12's, and an address of somebody of whom nothing else is known.
    assert {name.split("/")[1] for name, words in found.items() if words} == {"raw_web_events", "rejected_rows"}
    assert any("raw_web_events (event_type): named in 1 row" in text for text in done.found.unsure)
    assert not list(Path(crowd.settings.lake, ".erased").glob("unfinished*"))


def test_what_cannot_be_told_is_told(crowd: World) -> None:
    of_a_number = forget(crowd.settings, crowd.lake, "1").found
    assert any("an identifier such as 1 stands in many places by chance" in text for text in of_a_number.unsure)
    assert any("1 address(es) of theirs are another customer's too" in text for text in of_a_number.unsure)
    damaged = Path(crowd.lake.files(RawOrders)[0])
    damaged.write_bytes(damaged.read_bytes()[:-9])
    found = forget(crowd.settings, crowd.lake, "Victim-77").found
    assert any(f"{damaged} cannot be read to its end" in text for text in found.unsure)
    names = {str(Path(name).relative_to(crowd.settings.data)) for name in found.sources}
    assert names == {
        *("customers/customers.parquet", "customers/bad.parquet", "orders/orders.parquet", "web_events/events.jsonl"),
        "web_events/cut.jsonl.gz",
    }


def test_what_was_deleted_in_dagsters_databases_is_gone_from_their_files(crowd: World) -> None:
    place = crowd.root / "home" / "history" / "runs" / "old.db"
    log = place.with_name("old.db-wal")
    # An open connection, as a webserver has: the log of writes stays beside the file.
    with closing(sqlite3.connect(place)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA secure_delete=OFF")
        database.execute("CREATE TABLE event_logs (event TEXT)")
        database.executemany("INSERT INTO event_logs VALUES (?)", [("Victim-77" + "x" * 900,)] * 50)
        database.commit()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        database.execute("DELETE FROM event_logs")
        database.execute("INSERT INTO event_logs VALUES ('Victim-77')")
        database.execute("DELETE FROM event_logs")
        database.commit()
        assert b"Victim-77" in place.read_bytes()
        assert b"Victim-77" in log.read_bytes()
        assert forget(crowd.settings, crowd.lake, "Victim-77").found.left == []
        assert b"Victim-77" not in place.read_bytes() + log.read_bytes()
        # Long enough to lie in several pages, at whose borders the name may be cut.
        database.execute("INSERT INTO event_logs VALUES (?)", (" " * 4074 + "Victim-77" + " " * 9000,))
        database.commit()
        found = forget(crowd.settings, crowd.lake, "Victim-77").found
        assert str(place) in found.left
        # Somebody is in the middle of reading.
        database.execute("BEGIN")
        database.execute("SELECT * FROM event_logs").fetchall()
        assert any(
            f"{place} is in use" in text for text in forget(crowd.settings, crowd.lake, "Victim-77").found.unsure
        )
