"""The generator's account of its rows is exact: the pipeline, which knows nothing of it, finds the same."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from engagement_assets.domain import verdicts
from engagement_assets.sample_data import Tally, generate
from engagement_assets_tests.sample_data.reading import everything, parquet_rows, text_lines
from engagement_assets_tests.worlds import World

FIRST, LAST = date(2025, 1, 1), date(2025, 2, 28)

#: What the product can say of a row that it rejects; whole files that cannot be read are another matter.
REASONS = {
    "customers": {
        "missing_customer_id",
        "missing_date",
        "wrong_type",
        "outside_observation_window",
        "conflicting_duplicate",
    },
    "orders": {
        "missing_order_id",
        "missing_customer_id",
        "missing_date",
        "wrong_type",
        "not_a_number",
        "negative_amount",
        "amount_too_large",
        "outside_observation_window",
        "unknown_customer",
    },
    "web_events": {
        "malformed_json",
        "missing_customer_id",
        "missing_date",
        "wrong_type",
        "outside_observation_window",
        "unknown_customer",
        "conflicting_duplicate",
    },
}


def few(to: Path, *, bad_rows: bool = True) -> dict[str, Tally]:
    """Two months of 1,500 customers."""
    return generate(to, customers=1_500, first_day=FIRST, last_day=LAST, seed=3, bad_rows=bad_rows)


def test_the_pipeline_finds_exactly_the_rows_that_were_spoilt(world: World) -> None:
    made = few(world.root / "raw")
    world.options["start_date"] = FIRST
    result = world.run(LAST.isoformat())

    expected = {
        f"{source}:{reason}": rows for source, account in made.items() for reason, rows in account.rejected.items()
    }
    assert world.rejected() == expected
    for source, account in made.items():
        found = world.metadata(result, f"raw_{source}")
        assert found["rows_read"] == account.written, source
        assert found["rows_kept"] == account.kept, source
        assert found["duplicates_removed"] == account.duplicates, source
        assert found["superseded_rows"] == account.superseded, source
        assert found["blank_lines"] == account.blank, source
        assert found["rows_waiting_for_their_day"] == 0, source
    assert len(world.rows("raw_customers", LAST.isoformat())) == made["customers"].kept
    assert world.metadata(result, "raw_orders")["source_schemas"] == 3
    assert world.metadata(result, "raw_orders")["ignored_columns"] == "till"


def test_every_kind_of_bad_row_is_there_and_all_stay_below_the_warning(tmp_path: Path) -> None:
    made = few(tmp_path / "raw")
    assert {source: set(account.rejected) for source, account in made.items()} == REASONS
    judged = {value for name, value in vars(verdicts).items() if name.isupper() and isinstance(value, str)}
    kinds = {reason for reasons in REASONS.values() for reason in reasons}
    # The sample data is Parquet and JSON, in one currency, and has no contacts.
    of_other_files = {
        verdicts.UNREADABLE_FILE,
        verdicts.MALFORMED_LINE,
        verdicts.UNKNOWN_CURRENCY,
        verdicts.MISSING_CAMPAIGN,
    }
    assert judged - {*verdicts.NOT_REJECTED, *of_other_files} == kinds
    for source, account in made.items():
        assert all(account.rejected.values()), source
        assert account.duplicates, source
        assert all(account.odd.values()), source
        assert sum(account.rejected.values()) < 0.03 * account.written, source
    assert made["web_events"].blank
    assert made["orders"].superseded


def test_the_account_counts_the_rows_of_the_files(tmp_path: Path) -> None:
    made = few(tmp_path / "raw")
    for source in ("customers", "orders"):
        rows = sum(
            len(rows) - 1 for rows in parquet_rows(tmp_path / "raw" / source).values()
        )  # less the names of the columns
        assert made[source].written == rows
    assert made["web_events"].written == sum(map(len, text_lines(tmp_path / "raw" / "web_events").values()))


def test_bad_rows_are_added_to_the_same_good_ones(tmp_path: Path) -> None:
    """Amounts and times of orders, and whole lines of events but for the few that are written in another way."""
    clean, spoilt = few(tmp_path / "clean", bad_rows=False), few(tmp_path / "spoilt")
    for account in clean.values():
        assert (account.written, account.blank, account.duplicates + account.superseded) == (account.kept, 0, 0)
        assert not account.rejected
    assert clean["web_events"].kept == spoilt["web_events"].kept
    odd = spoilt["orders"].odd
    assert clean["orders"].kept == spoilt["orders"].kept - odd["zero_amount"] - odd["before_signup"]
    (_, clean_lines), (_, spoilt_lines) = everything(tmp_path / "clean"), everything(tmp_path / "spoilt")
    written = {line for lines in spoilt_lines.values() for line in lines}
    other = [line for lines in clean_lines.values() for line in lines if line not in written]
    events = spoilt["web_events"].odd
    assert len(other) <= events["other_offset"] + events["without_event_id"]


@pytest.mark.parametrize("customers", [1, 3, 20])
def test_a_handful_of_customers_makes_a_data_set_too(tmp_path: Path, customers: int) -> None:
    made = generate(tmp_path / "raw", customers=customers, first_day=FIRST, last_day=FIRST, seed=1)
    assert made["customers"].kept == customers
