"""What a source file is: by the end of its name, where `sources.toml` does not say it."""

from __future__ import annotations

from pathlib import PurePosixPath

from engagement_assets.domain.source_mapping import Format

#: Ends of names, in small letters -> what such a file is. CSV and JSON may be packed.
_ENDINGS: dict[str, Format] = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
}

#: Ends of names of packed files -> how they are packed.
_PACKINGS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}

#: The endings as a sentence names them.
ENDINGS = f"{', '.join(_ENDINGS)}; the text files also with {', '.join(_PACKINGS)}"


def packing_of(name: str) -> str | None:
    """How a file is packed: gzip, bz2, zstd, or not at all."""
    return _PACKINGS.get(PurePosixPath(name).suffix.lower())


def format_of(name: str) -> Format | None:
    """What a file is by its name; None where its name is that of no source file."""
    packed = packing_of(name) is not None
    found = _ENDINGS.get((PurePosixPath(name).with_suffix("") if packed else PurePosixPath(name)).suffix.lower())
    return None if packed and found == "parquet" else found
