"""The brief as files: what mail programs and Markdown get, names that are no markup, and whom `forget` takes out of them."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from engagement_assets.analysis.brief import Brief, Sentence
from engagement_assets.exports.brief_files import MARK, as_html, as_markdown, naming, write_brief
from engagement_assets.settings import Settings
from engagement_assets_tests.worlds import World

BRIEF = Brief(
    "2025-03-24",
    "2025-03-31",
    "Worse than usual: revenue.",
    (
        Sentence("revenue", "Customers spent <20> & no more.", "worse", "/value"),
        Sentence("slipping", "To be called first: [a](http://x).", "told", "/customers?slipping=yes", 7),
    ),
)


class Read(HTMLParser):
    """What a page says, and where it leads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.said, self.links, self.loads = "", list[str](), list[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name == "href"]
        self.loads += [value or "" for name, value in attrs if name == "src" or tag in ("link", "script")]

    def handle_data(self, data: str) -> None:
        self.said += data


def test_each_sentence_leads_to_its_list_and_no_name_is_markup() -> None:
    page = Read(as_html(BRIEF, "http://127.0.0.1:8050/"))
    assert "Customers spent <20> & no more." in page.said
    assert "Worse: " in page.said
    assert page.links == [
        "http://127.0.0.1:8050/value?date=2025-03-31",
        "http://127.0.0.1:8050/customers?slipping=yes&date=2025-03-31",
    ]
    assert page.loads == []  # a mail program loads nothing
    text = as_markdown(BRIEF, "http://127.0.0.1:8050/")
    assert "\\[a\\](http://x)" in text
    assert "[see more](http://127.0.0.1:8050/value?date=2025-03-31)" in text


def test_files_that_name_a_customer_are_known_and_those_of_others_are_not(sample_world: World, tmp_path: Path) -> None:
    settings = Settings(lake=sample_world.lake.root, export=str(tmp_path))
    written = write_brief(settings, "2026-06-30")
    called = next(each.text for each in written.brief.sentences if each.topic == "slipping").split(": ")[-1]
    first = called.removesuffix(".").split(", ")[0]
    assert first in written.html.read_text(encoding="utf-8")
    (tmp_path / "brief" / "notes.md").write_text(f"call {first}", encoding="utf-8")
    killed = tmp_path / "brief" / ".weekly_brief.md.0123abcd.tmp"
    killed.write_text(f"To be called first: {first}", encoding="utf-8")
    assert set(naming(settings, first)) == {written.markdown, written.html, killed}
    assert naming(settings, "nobody") == []
    assert written.markdown.read_text(encoding="utf-8").splitlines()[-1] == MARK
