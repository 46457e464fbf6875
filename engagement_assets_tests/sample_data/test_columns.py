"""Columns made from arrays agree with Python's own way of writing the same values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from engagement_assets.sample_data import columns

SECONDS = np.array([0, 86_399, 86_400, 951_782_400, 1_740_873_599, 1_767_225_599])


@pytest.mark.parametrize(("offset", "hours"), [(columns.UTC, 0), (columns.TWO_HOURS_AHEAD, 2)])
def test_instants_are_written_as_python_writes_them(offset: str, hours: int) -> None:
    zone = timezone(timedelta(hours=hours))
    expected = [datetime.fromtimestamp(int(second), zone).isoformat().replace("+00:00", "Z") for second in SECONDS]
    assert columns.instant_texts(SECONDS, offset=offset).to_pylist() == expected
    spaced = columns.instant_texts(SECONDS, separator=" ", offset=offset).to_pylist()
    assert spaced == [text.replace("T", " ") for text in expected]


def test_instants_are_the_same_as_timestamps() -> None:
    assert columns.instants(SECONDS).to_pylist() == [datetime.fromtimestamp(int(s), UTC) for s in SECONDS]


def test_cents_become_decimals_with_their_sign() -> None:
    cents = np.array([0, 1, -1, 12_345, -999, 90_000_000])
    expected = [Decimal(text) for text in ("0.00", "0.01", "-0.01", "123.45", "-9.99", "900000.00")]
    assert columns.decimals(cents).to_pylist() == expected


def test_customers_have_seven_digits() -> None:
    assert columns.customer_ids(np.array([1, 9_999_999])).to_pylist() == ["C0000001", "C9999999"]


def test_the_bytes_of_a_slice_are_those_of_its_texts_only() -> None:
    texts = pa.array(["ä\n", "b\n", "\n", "cd\n"])
    assert bytes(columns.line_bytes(texts.slice(1, 2))) == b"b\n\n"
    assert bytes(columns.line_bytes(texts)) == "ä\nb\n\ncd\n".encode()


def test_no_rows_give_no_columns_rows() -> None:
    none = np.empty(0, np.int64)
    for made in (
        columns.instant_texts(none),
        columns.decimals(none),
        columns.customer_ids(none),
        columns.instants(none),
    ):
        assert len(made) == 0
