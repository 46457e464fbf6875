"""Parts of a page that never change by themselves, as HTML in one component.

Dash compares every component with every change of a page, once for each component that comes: pages with hundreds of cells and
links took seconds. So what is of HTML and links alone is sent as an attribute, which assets/flat.js turns into elements.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

#: Properties whose name in HTML is another one than in small letters.
_NAMES = {"className": "class", "htmlFor": "for"}

#: Elements without an end.
_VOID = frozenset({"br", "hr", "img", "input", "wbr"})


def flattened(part: Any) -> Any:
    """A component, text or several of them, with everything in it that is of HTML and links alone in one component each."""
    if isinstance(part, (list, tuple)):
        return [flattened(each) for each in part]
    if not isinstance(part, Component):
        return part
    if _is_flat(part):
        if not _children(part) or all(isinstance(each, str) for each in _children(part)):
            return part
        # Of another kind than what React fills with elements of its own: it must never take the one for the other.
        is_div = isinstance(part, html.Div)
        given: dict[str, Any] = _attributes(part) if is_div else {"className": "flat"}
        return html.Section(**{**given, "data-html": as_html(_children(part) if is_div else part)})
    if getattr(part, "children", None) is not None:
        part.children = flattened(part.children)
    return part


def as_html(part: Any) -> str:
    """A component of HTML, a link or a text as HTML; texts and values are escaped."""
    if isinstance(part, (list, tuple)):
        return "".join(map(as_html, part))
    if not isinstance(part, Component):
        return "" if part is None else escape(str(part))
    name = "a" if isinstance(part, dcc.Link) else type(part).__name__.lower()
    start = f"<{name}{''.join(_written(*each) for each in _attributes(part).items())}>"
    return start if name in _VOID else f"{start}{as_html(_children(part))}</{name}>"


def _is_flat(part: Any) -> bool:
    if not isinstance(part, Component):
        return True
    is_html = isinstance(part, dcc.Link) or part._namespace == html.Div._namespace
    return is_html and getattr(part, "id", None) is None and all(map(_is_flat, _children(part)))


def _children(part: Component) -> list[Any]:
    children = getattr(part, "children", None)
    return [] if children is None else list(children) if isinstance(children, (list, tuple)) else [children]


def _attributes(part: Component) -> dict[str, Any]:
    # Sorted: Dash gives those of its wildcards in another order each time.
    return {name: value for name, value in sorted(part.to_plotly_json()["props"].items()) if name != "children"}


def _written(name: str, value: Any) -> str:
    name = _NAMES.get(name, name.lower())
    if value is None or value is False:
        return ""
    if value is True and not name.startswith(("aria-", "data-")):
        return f" {name}"
    text = (
        _style(value) if isinstance(value, Mapping) else str(value).lower() if isinstance(value, bool) else str(value)
    )
    return f' {name}="{escape(text)}"'


def _style(rules: Mapping[str, Any]) -> str:
    def name(rule: str) -> str:
        return rule if rule.startswith("--") else "".join(f"-{c.lower()}" if c.isupper() else c for c in rule)

    return ";".join(f"{name(rule)}:{value}" for rule, value in rules.items())
