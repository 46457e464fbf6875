"""The pages as data: each is found, has a place and an address of its own, and says what its figures mean."""

from __future__ import annotations

import importlib
from collections import Counter

from engagement_assets.dashboard.exports import Csv
from engagement_assets.dashboard.lists import LISTS
from engagement_assets.dashboard.site import EXPORTS, PAGES, VISUALS, page_at
from engagement_assets.domain.meanings import TEXTS


def test_every_page_has_a_place_an_address_and_names_of_its_own() -> None:
    names = [visual.name for page in PAGES for visual in page.visuals]
    for keys in ([page.path for page in PAGES], [page.order for page in PAGES], names):
        assert Counter(keys).most_common(1)[0][1] == 1
    assert [page_at(page.path + "/") for page in PAGES[1:]] == list(PAGES[1:])
    assert page_at(None) is PAGES[0]
    assert page_at("/no/such/page") is None


def test_a_file_has_one_meaning_wherever_it_is_offered() -> None:
    files: dict[str, Csv] = {}
    for visual in VISUALS.values():
        if visual.csv:
            assert files.setdefault(visual.csv.name, visual.csv) is visual.csv
    assert set(EXPORTS) == {*files, *LISTS}


def test_what_a_figure_means_is_a_known_key_or_a_sentence() -> None:
    told = [visual.meaning for visual in VISUALS.values() if visual.meaning]
    for page in ("overview", "breakdown", "at_risk", "high_value", "behaviour"):
        module = importlib.import_module(f"engagement_assets.dashboard.pages.{page}.page")
        told += [figure.meaning for figure in module.FIGURES]
    assert len(told) > 50
    assert [meaning for meaning in told if " " not in meaning and meaning not in TEXTS] == []
