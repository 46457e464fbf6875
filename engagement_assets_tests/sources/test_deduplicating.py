"""Of rows with the same id one is kept: that of the later file, and what the others are counted as."""

from __future__ import annotations

import gzip
import json
from datetime import date

import pyarrow.parquet as pq
import pytest

from engagement_assets_tests.worlds import Row, World

DAY = "2025-03-31"
FACTS = ("raw_customers", "raw_orders", "raw_web_events")


def order(number: int, amount: str, day: str = DAY) -> Row:
    return {"order_id": f"o{number}", "customer_id": "c", "order_date": day, "order_amount": amount}


def dump(world: World, name: str, email: str, orders: list[Row]) -> None:
    """A file each that repeats everything, as an export a day does."""
    customer = {"customer_id": "c", "email": email, "signup_date": date(2025, 1, 1)}
    world.customers([customer], f"{name}.parquet")
    world.orders(orders, f"{name}.parquet")


def test_of_full_dumps_the_later_counts_and_the_earlier_rows_are_superseded(world: World) -> None:
    world.options["start_date"] = date(2025, 3, 30)
    dump(world, "dump-9", "old@x.example", [order(1, "100.00"), order(2, "50.00"), order(3, "70.00"), order(4, "1.00")])
    # The order of a file's name, by numbers: after 9. One amount rises, one falls, one stays, one order goes to the day before.
    later = [order(1, "150.00"), order(2, "20.00"), order(3, "70.00"), order(4, "1.00", "2025-03-30"), order(5, "8.00")]
    dump(world, "dump-10", "new@x.example", later)
    world.events([{"customer_id": "c", "event_time": f"{DAY}T10:00:00Z"}])
    result = world.run("2025-03-30", DAY, tables=FACTS)
    amounts = [(str(row["as_of_date"]), row["order_id"], str(row["order_amount"])) for row in world.rows("raw_orders")]
    assert sorted(amounts, key=lambda row: row[1]) == [
        (DAY, "o1", "150.00"),
        (DAY, "o2", "20.00"),
        (DAY, "o3", "70.00"),
        ("2025-03-30", "o4", "1.00"),
        (DAY, "o5", "8.00"),
    ]
    assert [row["email"] for row in world.rows("raw_customers", DAY)] == ["new@x.example"]
    assert world.rejected() == {}
    found = world.metadata(result, "raw_orders")
    assert (found["rows_read"], found["rows_kept"], found["duplicates_removed"]) == (9, 5, 1)
    assert found["superseded_rows"] == 3
    # A third, read by itself: what it repeats changes nothing, what it corrects does.
    dump(world, "dump-11", "new@x.example", [*later[:4], order(5, "9.00")])
    found = world.metadata(world.run(DAY, tables=FACTS), "raw_orders")
    assert (found["rows_kept"], found["duplicates_removed"], found["superseded_rows"]) == (5, 5, 4)
    assert [str(row["order_amount"]) for row in world.rows("raw_orders", DAY)].count("9.00") == 1


def test_of_a_later_day_nothing_is_superseded(world: World) -> None:
    world.options |= {"start_date": date(2025, 3, 30), "rejected_share_limit": 1.0}
    dump(world, "1", "c@x.example", [order(2, "5.00", "2025-03-30")])
    dump(world, "2", "c@x.example", [order(2, "6.00")])
    world.events([{"customer_id": "c", "event_time": f"{DAY}T10:00:00Z"}])
    world.run("2025-03-30", DAY, tables=FACTS)
    assert [(r["order_id"], str(r["order_amount"])) for r in world.rows("raw_orders")] == [("o2", "5.00")]
    assert world.rejected() == {"orders:conflicting_duplicate": 1}


#: Rows of a file that is appended to: order, amount. Of each order the last row counts, whichever amount is the larger.
APPENDED = [(1, "2.00"), (1, "1.00"), (2, "1.00"), (2, "2.00"), (3, "5.00"), (3, "6.00"), (3, "5.00"), (4, "9.00")]


@pytest.mark.parametrize("form", ["parquet", "csv", "json", "json.gz", "array"])
def test_of_one_file_the_last_row_counts(world: World, form: str) -> None:
    rows = [order(number, amount) for number, amount in APPENDED]
    dump(world, "0", "c@x.example", rows[:1])
    if form == "parquet":
        world.orders(rows, "1.parquet")
    else:
        lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
        text = {
            "csv": "".join(
                ",".join(values) + "\n" for values in [[*rows[0]], *(row.values() for row in rows)]
            ).encode(),
            "json": lines,
            "json.gz": gzip.compress(lines),
            "array": json.dumps(rows, indent=1).encode(),
        }
        (world.root / "raw" / "orders" / f"1.{form.replace('array', 'json')}").write_bytes(text[form])
    world.events([{"customer_id": "c", "event_time": f"{DAY}T10:00:00Z"}])
    found = world.metadata(world.run(DAY, tables=FACTS), "raw_orders")
    assert {row["order_id"]: str(row["order_amount"]) for row in world.rows("raw_orders", DAY)} == {
        "o1": "1.00",
        "o2": "2.00",
        "o3": "5.00",
        "o4": "9.00",
    }
    assert world.rejected() == {}
    # Superseded: 2.00 of both files, 1.00, 6.00; an exact repeat of what is kept is a duplicate.
    assert (found["rows_read"], found["rows_kept"], found["duplicates_removed"]) == (9, 4, 1)
    assert found["superseded_rows"] == 4


def test_the_last_row_counts_however_large_the_file_is(world: World) -> None:
    """Engines give the rows of a large Parquet file in another order than it has them."""
    many = 10_000
    first = [order(number % many, f"{1 + number // many}.00") for number in range(2 * many)]
    customer = {"customer_id": "c", "email": "c@x.example", "signup_date": date(2025, 1, 1)}
    world.customers([customer])
    world.orders(first)
    place = world.root / "raw" / "orders" / "orders.parquet"
    pq.write_table(pq.read_table(place), place, row_group_size=5_000)
    world.events([{"customer_id": "c", "event_time": f"{DAY}T10:00:00Z"}])
    world.run(DAY, tables=FACTS)
    assert {str(row["order_amount"]) for row in world.rows("raw_orders", DAY)} == {"2.00"}
    # A file that came is read alone, with its positions.
    world.orders([order(1, "8.00"), order(1, "7.00"), order(many, "3.00"), order(many, "4.00")], "z.parquet")
    world.run(DAY, tables=FACTS)
    rows = {row["order_id"]: str(row["order_amount"]) for row in world.rows("raw_orders", DAY)}
    assert (len(rows), rows["o1"], rows[f"o{many}"]) == (many + 1, "7.00", "4.00")
    assert world.rejected() == {}
