"""The one parser of the URL: what is valid is kept, what is not is left out and said."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engagement_assets.dashboard.state import View, parse, rewrite
from engagement_assets.dashboard.warehouse import Catalogue

DAYS = ("2026-03-31", "2026-05-31", "2026-06-23", "2026-06-29", "2026-06-30")
CATALOGUE = Catalogue(DAYS, ("DE", "FR", "unknown"))


def view(search: str) -> View:
    found = parse(search, CATALOGUE)
    assert found is not None
    return found


def test_without_a_query_the_latest_snapshot_is_compared_with_30_days_before() -> None:
    found = view("")
    assert (found.as_of, found.compared, found.filtered, found.notices) == ("2026-06-30", "2026-05-31", False, ())
    assert found.link("/value") == "/value"


def test_filters_stay_in_links_and_page_values_do_not() -> None:
    found = view("?country=DE&segment=High&segment=At+Risk&compare=7&cid=C1&by=status&date=2026-06-29")
    assert found.countries == ("DE",)
    assert found.segments == ("High", "At Risk")
    assert found.customer == "C1"
    assert found.link("/value") == "/value?date=2026-06-29&compare=7&country=DE&segment=High&segment=At+Risk"


def test_a_comparison_without_a_snapshot_takes_the_one_before_it_and_says_so() -> None:
    found = view("?compare=2026-06-25")
    assert found.compared == "2026-06-23"
    assert "2026-06-25" in found.notices[0]


def test_a_missing_snapshot_is_told_with_what_builds_it() -> None:
    found = view("?date=2026-06-25")
    assert found.as_of == "2026-06-23"
    assert "engagement run --date 2026-06-25" in found.notices[0]


def test_the_earliest_snapshot_has_nothing_to_compare_with() -> None:
    assert view("?date=2026-03-31").compared is None


def test_nonsense_falls_back_to_defaults() -> None:
    found = view(
        "?date=../../x&country=%3Cscript%3E&segment=high&value=1&compare=-3&by=email&list=all&within=a:b&where=["
    )
    assert (found.as_of, found.compared, found.filters) == ("2026-06-30", "2026-05-31", ((), (), ()))
    assert (found.by, found.at_risk_list, found.within, found.where) == ("segment", "now", (), "")
    assert found.search() == ""
    assert len(found.notices) == 5


def test_an_empty_lake_has_no_view() -> None:
    assert parse("?date=2026-06-30", Catalogue((), ())) is None


def test_rewriting_changes_some_values_and_drops_strange_ones() -> None:
    assert rewrite("?cid=C1&country=DE&x=1", country=["FR"], date=None) == "?country=FR&cid=C1"
    assert rewrite("?country=DE", country=[]) == ""


@given(st.text(max_size=60), st.lists(st.tuples(st.sampled_from(["date", "compare", "country", "where"]), st.text())))
def test_no_text_in_the_address_breaks_the_parser(text: str, pairs: list[tuple[str, str]]) -> None:
    for search in (text, "?" + "&".join(f"{key}={value}" for key, value in pairs)):
        found = view(search)
        assert found.as_of in DAYS
        assert view(found.search()).filters == found.filters
