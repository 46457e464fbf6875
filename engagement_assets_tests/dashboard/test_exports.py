"""CSV files: safe to open in a spreadsheet, complete, and under the same filters as the page."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from engagement_assets.dashboard.app import build_app
from engagement_assets.dashboard.exports import cell
from engagement_assets.dashboard.site import EXPORTS
from engagement_assets.domain.campaign_policy import CampaignPolicy
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


def test_the_target_list_has_every_customer_at_risk_but_those_held_out(
    client: FlaskClient, sample_world: World
) -> None:
    found = rows_of(client, "/export/at-risk.csv?target=no")
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
    to_send = [row["customer_id"] for row in rows_of(client, "/export/at-risk.csv")]
    assert to_send == [row["customer_id"] for row in expected if not audiences[row["customer_id"]]["is_holdout"]]
    assert 0 < len(to_send) < len(expected)
    risky = rows_of(client, "/export/at-risk.csv?list=high-risk&target=no")
    assert {row["customer_id"]: row["why"] for row in risky} == {
        row["customer_id"]: row["risk_reasons"] for row in scores if row["is_high_risk"]
    }
    lapsed = rows_of(client, "/export/at-risk.csv?list=lapsed&target=no")
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


def test_json_lines_have_what_the_csv_file_has(client: FlaskClient, sample_world: World) -> None:
    search = "?country=DE&lifecycle=Lapsed&lifecycle=Slipping&sort=total_revenue:asc"
    text = client.get(f"/export/customers.jsonl{search}").text
    found = [json.loads(line) for line in text.splitlines()]
    csv_rows = rows_of(client, f"/export/customers.csv{search}")
    expected = [
        row
        for row in sample_world.rows("engagement_scores", "2026-06-30")
        if row["country"] == "DE" and row["lifecycle_stage"] in ("Lapsed", "Slipping")
    ]
    expected.sort(key=lambda row: (row["total_revenue"], row["customer_id"]))
    assert [(row["customer_id"], row["total_revenue"]) for row in found] == [
        (row["customer_id"], float(row["total_revenue"])) for row in expected
    ]
    assert [row["customer_id"] for row in csv_rows] == [row["customer_id"] for row in expected]
    assert [list(row) for row in found] == [list(row) for row in csv_rows]


def test_whom_nobody_may_address_is_in_no_target_list(client: FlaskClient, sample_world: World, tmp_path: Path) -> None:
    audiences = sample_world.by_customer("campaign_audiences", "2026-06-30")
    everybody = {row["customer_id"] for row in sample_world.rows("engagement_scores", "2026-06-30")}
    free = sorted(everybody - {name for name, row in audiences.items() if row["is_holdout"]})
    (tmp_path / "out.txt").write_text(f"{free[0]}\n{free[1]}\n", encoding="utf-8")
    campaigns = CampaignPolicy(opt_out=str(tmp_path / "out.txt"))
    settings = sample_world.settings.model_copy(update={"campaigns": campaigns})
    found = rows_of(build_app(settings).server.test_client(), "/export/customers.csv?target=yes")
    assert sorted(row["customer_id"] for row in found) == free[2:]
    marked = rows_of(client, "/export/customers.csv")
    assert {row["customer_id"] for row in marked} == everybody
    assert {row["customer_id"] for row in marked if row["held_out"]} == everybody - set(free)


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
