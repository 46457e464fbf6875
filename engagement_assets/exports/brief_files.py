"""The brief as Markdown and as HTML: for the export folder, for mail, for chats."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

from engagement_assets.analysis.brief import Brief, Verdict, make_brief
from engagement_assets.domain.colours import GREEN, GREY, VERMILLION
from engagement_assets.exports.folders import made
from engagement_assets.lake.stores import replacing
from engagement_assets.settings import Settings, local_path

FOLDER = "brief"

#: Both files end with it; only what does is taken for a file of the product.
MARK = "<!-- weekly brief, written by engagement -->"

_COLOURS: dict[Verdict, str] = {"better": GREEN, "worse": VERMILLION}


@dataclass(frozen=True)
class BriefFiles:
    """The two files, and the brief in them."""

    markdown: Path
    html: Path
    brief: Brief


def as_markdown(brief: Brief, dashboard: str) -> str:
    """The brief as Markdown, each sentence with a link to the list behind it in the dashboard."""
    lines = [f"# {brief.title}", "", f"**{brief.headline}**", ""]
    for sentence in brief.sentences:
        lines.append(
            f"- {_escaped(sentence.text)} [{sentence.opens}]({dashboard.rstrip('/')}{sentence.link(brief.day)})"
        )
    return "\n".join([*lines, "", MARK]) + "\n"


def _escaped(text: str) -> str:
    """A text whose names cannot be taken for Markdown."""
    return "".join(f"\\{sign}" if sign in "\\`*_[]<>#|" else sign for sign in text)


def as_html(brief: Brief, dashboard: str) -> str:
    """The brief as a page of its own that needs nothing else; styles stand in the elements, as mail programs want them."""
    lines = []
    for sentence in brief.sentences:
        address = escape(f"{dashboard.rstrip('/')}{sentence.link(brief.day)}")
        colour = _COLOURS.get(sentence.verdict, GREY)
        mark = (
            f'<b style="color:{colour}">{sentence.verdict.capitalize()}:</b> ' if sentence.verdict in _COLOURS else ""
        )
        lines.append(
            f'<li style="margin:0 0 10px;padding-left:10px;border-left:3px solid {colour}">'
            f'{mark}{escape(sentence.text)} <a href="{address}">{sentence.opens}</a></li>'
        )
    title = f"Customer engagement, {escape(brief.title)}"
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title></head>
<body style="font:16px/1.5 system-ui,sans-serif;max-width:42em;margin:24px auto;padding:0 16px;color:#212529">
<h1 style="font-size:20px">{title}</h1>
<p style="font-size:18px"><b>{escape(brief.headline)}</b></p>
<ul style="list-style:none;padding:0">
{chr(10).join(lines)}
</ul></body></html>
{MARK}
"""


def write_brief(settings: Settings, day: str | None = None) -> BriefFiles:
    """Write the brief of a snapshot (default: the latest) into the export folder.

    Raises NotPublishedError where there is none, ExportFolderError where files cannot be written.
    """
    brief = make_brief(settings, day)
    folder = made(local_path(settings.export) / FOLDER)
    files = BriefFiles(folder / "weekly_brief.md", folder / "weekly_brief.html", brief)
    for place, text in ((files.markdown, as_markdown), (files.html, as_html)):
        with replacing(place) as draft:
            draft.write_text(text(brief, settings.dashboard_url), encoding="utf-8")
    return files


def naming(settings: Settings, customer_id: str) -> list[Path]:
    """The files of the product that name a customer, and what a killed process left of such files."""
    folder = local_path(settings.export) / FOLDER
    written = [place for pattern in ("*.md", "*.html", ".*.tmp") for place in folder.glob(pattern)]
    names = (_escaped(customer_id), escape(customer_id))
    texts = {place: place.read_text(encoding="utf-8", errors="replace") for place in written}
    return [
        place
        for place, text in texts.items()
        if (text.endswith(f"{MARK}\n") or place.name.startswith(".weekly_brief."))
        and any(name in text for name in names)
    ]
