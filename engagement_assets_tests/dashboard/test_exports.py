"""CSV files: safe to open in a spreadsheet, complete, and under the same filters as the page."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest
from flask.testing import FlaskClient

from engagement_assets.dashboard.app import build_app
from engagement_assets.dashboard.exports import cell
from engagement_assets.dashboard.site import EXPORTS
from engagement_assets_tests.dashboard.lakes import history_of
from engagement_assets_tests.worlds import World


@pytest.fixture(scope="module")
def client(sample_world: World) -> Iterator[FlaskClient]:
    """The server without a network."""
    with history_of(sample_world):
        yield build_app(sample_world.settings).server.test_client()


def rows_of(client: FlaskClient, path: str) -> list[dict[str, str]]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("=1+1", "'=1+1"),
        ("+49", "'+49"),
        ("-x", "'-x"),
        ("@sum", "'@sum"),
        ("\t=1", "'\t=1"),
        ("plain", "plain"),
        (-0.25, "-0.25"),
        (1e-7, "0.0000001"),
        (Decimal("-1.50"), "-1.50"),
        (True, "yes"),
        (None, ""),
        (date(2026, 6, 30), "2026-06-30"),
    ],
)
def test_a_cell_is_never_a_formula(value: object, text: str) -> None:
    assert cell(value) == text


def test_the_target_list_has_every_customer_at_risk(client: FlaskClient, sample_world: World) -> None:
    found = rows_of(client, "/export/at-risk.csv")
    scores = sample_world.rows("engagement_scores", "2026-06-30")
    expected = [row for row in scores if row["is_slipping"]]
    expected.sort(key=lambda row: (-row["revenue_last_365_days"], -row["total_revenue"], row["customer_id"]))
    assert [row["customer_id"] for row in found] == [row["customer_id"] for row in expected]
    assert [row["why"] for row in found] == [row["slipping_reasons"] for row in expected]
    audiences = sample_world.by_customer("campaign_audiences", "2026-06-30")
    assert [row["audience"] for row in found] == [audiences[row["customer_id"]]["audience"] for row in expected]
    assert [row["held_out"] for row in found] == [
        "held out" if audiences[row["customer_id"]]["is_holdout"] else "" for row in expected
    ]
    risky = rows_of(client, "/export/at-risk.csv?list=high-risk")
    assert {row["customer_id"]: row["why"] for row in risky} == {
        row["customer_id"]: row["risk_reasons"] for row in scores if row["is_high_risk"]
    }
    lapsed = rows_of(client, "/export/at-risk.csv?list=lapsed")
    assert len(lapsed) == sum((row["recency_days"] or 0) >= 120 for row in scores)


def test_filters_order_and_column_filters_of_the_address_hold(client: FlaskClient, sample_world: World) -> None:
    where = '{"total_revenue":{"filterType":"number","type":"greaterThan","filter":500}}'
    found = rows_of(client, f"/export/customers.csv?country=DE&sort=total_orders:asc&where={where}")
    expected = [
        row
        for row in sample_world.rows("engagement_scores", "2026-06-30")
        if row["country"] == "DE" and row["total_revenue"] > 500
    ]
    expected.sort(key=lambda row: (row["total_orders"], row["customer_id"]))
    assert expected
    assert [row["customer_id"] for row in found] == [row["customer_id"] for row in expected]


@pytest.mark.parametrize("name", sorted(EXPORTS))
def test_every_export_answers_with_a_header_and_rows(client: FlaskClient, name: str) -> None:
    answer = client.get(f"/export/{name}.csv?compare=7&cid=C0000264")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}_2026-06-30.csv"'
    assert len(answer.text.splitlines()) > 1


def test_an_unknown_export_is_not_found(client: FlaskClient) -> None:
    assert client.get("/export/passwd.csv").status_code == 404
    assert client.get("/export/..secret.csv").status_code == 404


def test_a_strange_filter_is_no_sql(client: FlaskClient, sample_world: World) -> None:
    everybody = len(sample_world.rows("engagement_scores", "2026-06-30"))
    for where in (
        '{"1=1); DROP TABLE x; --":{"type":"equals","filter":1}}',
        '{"total_revenue":{"type":"; DROP","filter":1}}',
        '{"total_revenue":{"type":"equals","filter":"1 OR 1=1"}}',
    ):
        assert len(rows_of(client, f"/export/customers.csv?where={where}")) == everybody
    found = rows_of(client, """/export/customers.csv?where={"customer_id":{"type":"equals","filter":"' OR 1=1 --"}}""")
    assert found == []
