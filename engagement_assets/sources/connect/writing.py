"""Third step: the proposal as the text of sources.toml, each guess with its reason above it."""

from __future__ import annotations

from engagement_assets.domain.source_mapping import as_toml
from engagement_assets.sources.connect.proposals import SURE, Connection

_HEAD = """\
# What the files are called and how they spell things, as `engagement connect` found it. Correct what is wrong here;
# docs/own_data.md explains each key. Nothing else has to be told: ENGAGEMENT_SOURCES names this file.
"""


def as_text(connection: Connection) -> str:
    """The text of the file."""
    remarks: dict[tuple[str, ...], str] = {}
    for source, proposal in connection.proposals.items():
        remarks |= {(source, key): why for key, why in proposal.why.items()}
        for column, guess in proposal.columns.items():
            unsure = "UNSURE, " if guess.sure < SURE else ""
            looks = f"{guess.looks}; " if guess.looks else ""
            remarks[source, "columns", column] = f"{unsure}{looks}{guess.why}"
    notes = "".join(f"# {note}\n" for note in connection.notes)
    mappings = {source: proposal.mapping for source, proposal in connection.proposals.items()}
    return f"{_HEAD}{notes}\n{as_toml(mappings, remarks)}"
