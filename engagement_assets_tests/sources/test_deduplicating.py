"""Of rows with the same id one is kept: that of the later file, and what the others are counted as."""

from __future__ import annotations

from datetime import date

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
    assert found["superseded_by_later_files"] == 3
    # A third, read by itself: what it repeats changes nothing, what it corrects does.
    dump(world, "dump-11", "new@x.example", [*later[:4], order(5, "9.00")])
    found = world.metadata(world.run(DAY, tables=FACTS), "raw_orders")
    assert (found["rows_kept"], found["duplicates_removed"], found["superseded_by_later_files"]) == (5, 5, 4)
    assert [str(row["order_amount"]) for row in world.rows("raw_orders", DAY)].count("9.00") == 1


def test_of_one_file_and_of_a_later_day_nothing_is_superseded(world: World) -> None:
    world.options |= {"start_date": date(2025, 3, 30), "rejected_share_limit": 1.0}
    dump(world, "1", "c@x.example", [order(1, "2.00"), order(1, "1.00"), order(2, "5.00", "2025-03-30")])
    dump(world, "2", "c@x.example", [order(2, "6.00")])
    world.events([{"customer_id": "c", "event_time": f"{DAY}T10:00:00Z"}])
    world.run("2025-03-30", DAY, tables=FACTS)
    assert [(r["order_id"], str(r["order_amount"])) for r in world.rows("raw_orders")] == [
        ("o2", "5.00"),
        ("o1", "1.00"),
    ]
    assert world.rejected() == {"orders:conflicting_duplicate": 2}
