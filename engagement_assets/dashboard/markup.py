"""Attributes for assistive technology, in a form that Python's keyword arguments can carry."""

from __future__ import annotations

from typing import Any


def aria(**values: str) -> dict[str, Any]:
    """`aria(label="…")` gives the attribute `aria-label`; for use as `**aria(...)`."""
    return {f"aria-{name}": value for name, value in values.items()}
