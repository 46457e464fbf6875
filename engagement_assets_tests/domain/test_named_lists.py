"""Lists with a name: what their file may say, and that an error names the line."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from engagement_assets.domain.named_lists import NamedListError, parse_lists
from engagement_assets.settings import Settings

FILE = """
# for the newsletter
[german_slipping]
title = "Slipping in Germany"
where = { country = ["DE"], slipping = true }
sort = ["total_revenue:desc"]

[browsers]
title = "Browse much, never bought"
action = "Offer a first order"
where.orders = 0
where.sessions = "3.."
"""


def test_a_list_is_filters_and_with_an_action_an_audience() -> None:
    german, browsers = parse_lists(FILE, "lists.toml").root.values()
    assert german.filters == (("country", ("DE",)), ("slipping", ("yes",)))
    assert german.audience("german_slipping") is None
    rule = browsers.audience("browsers")
    assert rule is not None
    assert rule.condition == ("(sessions_last_30_days >= 3.0) AND (total_orders >= 0.0 AND total_orders <= 0.0)")
    assert (rule.action, rule.evidence) == ("Offer a first order", "sessions from 3, orders 0")


def test_its_audiences_come_first(tmp_path: Path) -> None:
    place = tmp_path / "lists.toml"
    place.write_text(FILE, encoding="utf-8")
    settings = Settings(lists=str(place))
    assert [rule.name for rule in settings.campaigns.audiences[:2]] == ["browsers", "abandoned_cart"]
    assert [each.title for each in settings.named_lists.values()] == [
        "Slipping in Germany",
        "Browse much, never bought",
    ]
    assert Settings().named_lists == {}
    with pytest.raises(ValidationError, match=r"cannot be read.*ENGAGEMENT_LISTS"):
        Settings(lists=str(tmp_path / "none.toml"))
    place.write_text('[abandoned_cart]\ntitle = "x"\naction = "x"\nwhere.orders = 0\n', encoding="utf-8")
    with pytest.raises(ValidationError, match="each audience needs a name of its own"):
        Settings(lists=str(place))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[a]\ntitle = "x"\nwhere = { segmnt = "High" }', r"line 3 \(a.where.segmnt\): there is no such filter; there are"),
        ('[a]\ntitle = "x"\n\nwhere.segment = "Best"', r"line 4 \(a.where.segment\): 'Best' is no segment; there are High"),
        ('[a]\ntitle = "x"\nwhere.sessions = "many"', r"line 3 \(a.where.sessions\): write numbers as 3..5"),
        ('[a]\ntitle = "x"\nwhere.orders = 0\ncolour = "red"', r"line 4 \(a.colour\): there is no such key; there are title"),
        ('[a]\ntitle = "x"', r"line 1 \(a.where\): Field required"),
        ('[a]\ntitle = "x"\nwhere = {}', r"line 3 \(a.where\): name at least one filter"),
        ('[a]\ntitle = "x"\naction = "y"\nwhere.audience = "save"', r"line 4 .*is not told by the snapshot alone"),
        ('[a]\ntitle = "x"\naction = "y"\nwhere.country = "O\'Land"', r"an audience takes no quotes"),
        ('[A b]\ntitle = "x"', "is not TOML"),
        ('["A b"]\ntitle = "x"\naction = "y"\nwhere.orders = 0', r"line 1 .*'A b' is no name of an audience"),
    ],
)  # fmt: skip
def test_an_error_names_the_line_and_what_to_write(text: str, told: str) -> None:
    with pytest.raises(NamedListError, match=told):
        parse_lists(text, "lists.toml")
