"""The measures side by side with their twins, as docs/power_bi.md shows them.

`python -m engagement_assets.exports.power_bi.listing docs/power_bi.md` renews the list in the document, between its two marks.
"""

from __future__ import annotations

import sys
from pathlib import Path

from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets.exports.measures import measures

BEGIN, END = "<!-- measures -->", "<!-- end of measures -->"


def listing(policy: ScoringPolicy) -> str:
    """A table per folder: the measure and what it means, its DAX, its twin."""
    lines = [BEGIN]
    folder = ""
    for measure in measures(policy):
        if measure.folder != folder:
            folder = measure.folder
            lines += ["", f"### {folder}", "", "| measure | DAX | DuckDB |", "|---|---|---|"]
        cells = (f"**{measure.name}**: {measure.description}", f"`{measure.dax}`", f"`{measure.query}`")
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join([*lines, "", END])


def renew(document: Path, policy: ScoringPolicy) -> None:
    """Put the current list into a document, in place of the one between the marks."""
    before, _, rest = document.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    document.write_text(before + listing(policy) + after, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    renew(Path(sys.argv[1]), ScoringPolicy())
