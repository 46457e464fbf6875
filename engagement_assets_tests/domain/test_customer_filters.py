"""The one description of what lists of customers are filtered by: what may be written, what it means, what it says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engagement_assets.domain.customer_filters import FILTERS, chosen, condition, plain_id, words


def literal(value: str | float) -> str:
    return f"'{value}'" if isinstance(value, str) else f"{value:g}"


@pytest.mark.parametrize(
    ("key", "texts", "sql", "said"),
    [
        ("segment", ["Low", "High"], "s.engagement_segment IN ('High', 'Low')", "segment High or Low"),
        ("slipping", ["yes"], "coalesce(s.is_slipping, false)", "slipping"),
        ("slipping", ["no"], "NOT coalesce(s.is_slipping, false)", "not slipping"),
        ("sessions", ["3..4"], "s.sessions_last_30_days >= 3 AND s.sessions_last_30_days <= 4", "sessions 3 to 4"),
        ("sessions", ["13.."], "s.sessions_last_30_days >= 13", "sessions from 13"),
        ("recency", ["..30"], "s.recency_days <= 30", "days since the last order up to 30"),
        ("orders", ["1"], "s.total_orders >= 1 AND s.total_orders <= 1", "orders 1"),
        (
            "score",
            ["0.4..0.5"],
            "round(s.engagement_score, 10) >= 0.4 AND round(s.engagement_score, 10) < 0.5",
            "score 0.4 to 0.5",
        ),
        (
            "score",
            ["0.95..1"],
            "round(s.engagement_score, 10) >= 0.95 AND round(s.engagement_score, 10) <= 1",
            "score 0.95 to 1",
        ),
        ("stage", ["Checkout"], "f.reached >= 3", "reached Checkout"),
        ("stopped-at", ["Add to cart"], "f.reached = 2", "went no further than Add to cart"),
        ("without", ["recency_days"], "s.recency_days IS NULL", "without recency days"),
        ("revenue-above", ["250.5"], "cast(s.total_revenue AS double) > 250.5", "revenue above 250.50"),
    ],
)
def test_a_filter_is_sql_and_words(key: str, texts: list[str], sql: str, said: str) -> None:
    found, wrong = chosen({key: texts})
    assert wrong == ()
    assert condition(found, literal) == f"({sql})"
    assert words(found) == said


@pytest.mark.parametrize(
    ("key", "text", "told"),
    [
        ("segment", "Highest", "there are High, Medium, Low, At Risk"),
        ("slipping", "maybe", "write yes or no"),
        ("sessions", "a..b", "write numbers as 3..5"),
        ("sessions", "-1..5", "write numbers as 3..5"),
        ("sessions", "5..3", "5 is above 3"),
        ("sessions", "..", "write numbers as 3..5"),
        ("cohort", "2026-13", "a month is written as 2026-05"),
        ("revenue-above", "nan", "write a number from 0 on"),
        ("result", "save_slipping:14", "write an audience, days and an arm"),
        ("result", "save_slipping:0:treated", "write an audience, days and an arm"),
        ("result", "save'slipping:14:treated", "write an audience, days and an arm"),
        ("id", " ", "an identifier has 1 to 100 characters"),
    ],
)
def test_what_cannot_be_meant_is_told(key: str, text: str, told: str) -> None:
    found, wrong = chosen({key: [text]})
    assert found == ()
    assert told in wrong[0]


@pytest.mark.parametrize(
    ("text", "plain"),
    [("C0000264", "c264"), ("007", "7"), ("0", "0"), ("A-00-10", "a-0-10"), ("x0y00", "x0y0"), (" C26 ", "c26")],
)
def test_case_and_leading_zeros_do_not_matter(text: str, plain: str) -> None:
    assert plain_id(text) == plain


@given(st.sampled_from(sorted(FILTERS)), st.lists(st.text(max_size=30), min_size=1, max_size=4))
def test_no_text_gets_into_the_sql(key: str, texts: list[str]) -> None:
    """What is chosen is read back as it is, and values are parameters, never part of the SQL."""
    found, _ = chosen({key: texts})
    assert chosen(dict(found))[0] == found
    sql = condition(found, lambda value: "?")
    for text in dict(found).get(key, ()):
        if FILTERS[key].reads == "s" and text not in str(FILTERS[key]):
            assert len(text) < 4 or text not in sql
