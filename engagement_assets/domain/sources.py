"""The names of the sources, which everything goes by that iterates over sources; light, so that a command's help can name them.

What a source is stands in `sources/<name>.py`, the contract of its rows in `domain/contracts/sources.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

#: In the order they are read: the customers come first, because the others' rows are theirs.
SOURCES = ("customers", "orders", "web_events", "contacts")

#: A shop may be without them, and then has no table, asset, check or step of them either.
OPTIONAL = ("contacts",)


def in_words(names: Sequence[str], word: str) -> str:
    """Names as a list in a sentence: `a, b or c`."""
    return f" {word} ".join(filter(None, (", ".join(names[:-1]), names[-1])))
