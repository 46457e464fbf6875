"""Building blocks of the pages: cards, hints, key figures, states, links."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from engagement_assets.dashboard.formats import NOTHING, signed
from engagement_assets.dashboard.markup import aria

Good = Literal["up", "down", "neither"]


def hint(meaning: str, subject: str) -> Component:
    """A focusable mark that tells what a measure means, on hover, focus and touch."""
    return dmc.Tooltip(
        dmc.UnstyledButton(className="hint", **aria(label=f"{subject}: {meaning}")),
        label=meaning,
        multiline=True,
        w=290,
        withArrow=True,
        position="bottom",
        events={"hover": True, "focus": True, "touch": True},
    )


def card(title: str, body: Any, *, meaning: str | None = None, aside: Any = None, note: str | None = None) -> Component:
    """A titled part of a page."""
    head = dmc.Group(
        [
            dmc.Group(
                [dmc.Title(title, order=2, size="h5"), *([hint(meaning, title)] if meaning else [])],
                gap=6,
                wrap="nowrap",
            ),
            *([aside] if aside is not None else []),
        ],
        justify="space-between",
        align="flex-start",
        wrap="nowrap",
        mb=4 if note else "sm",
        gap="xs",
    )
    parts = [head, *([dmc.Text(note, size="xs", c="dimmed", mb="sm")] if note else []), body]
    return dmc.Paper(parts, withBorder=True, p="md", radius="md", h="100%", className="card")


@dataclass(frozen=True)
class Figure:
    """A key figure: its name, the value as text, the change as text with its sign, and which way is good."""

    name: str
    value: str
    meaning: str
    change: float | None = None
    change_text: str = ""
    good: Good = "neither"
    note: str | None = None
    unit: str | None = None


def figures(items: Sequence[Figure], compared: str | None) -> Component:
    """A row of key figures; each takes the same room."""
    return html.Div([_figure(item, compared) for item in items], className="figures", style={"--figures": len(items)})


def _figure(item: Figure, compared: str | None) -> Component:
    return dmc.Paper(
        [
            dmc.Group(
                [dmc.Text(item.name, size="sm", c="dimmed", fw=500), hint(item.meaning, item.name)],
                gap=6,
                wrap="nowrap",
                justify="space-between",
            ),
            html.Div(
                [item.value, *([html.Span(f" {item.unit}", className="figure-unit")] if item.unit else [])],
                className="figure-value",
            ),
            _change(item, compared),
        ],
        withBorder=True,
        p="md",
        radius="md",
        className="figure",
    )


def _change(item: Figure, compared: str | None) -> Component:
    if item.note is not None:
        return dmc.Text(item.note, size="xs", c="dimmed")
    if compared is None or item.change is None:
        return dmc.Text("no earlier snapshot to compare with", size="xs", c="dimmed")
    # What rounds to nothing is no change.
    moved = any(digit in "123456789" for digit in item.change_text)
    way = "same" if not moved else "up" if item.change > 0 else "down"
    mood = "same" if way == "same" or item.good == "neither" else "better" if way == item.good else "worse"
    arrow = {"up": "▲", "down": "▼", "same": "■"}[way]
    text = "unchanged" if way == "same" else signed(item.change_text, item.change)
    return html.Div(
        [
            html.Span([html.Span(arrow, **aria(hidden="true")), " ", text], className=f"change {mood}"),
            html.Span(f"{f'{mood} ' if mood != 'same' else ''}since {compared}", className="change-note"),
        ],
        className="figure-change",
    )


def message(title: str, text: Any, *, kind: str = "empty") -> Component:
    """A state that needs words: nothing there, nothing to compare, something failed."""
    return html.Div(
        [dmc.Text(title, fw=600, size="sm"), html.Div(text, className="state-text")],
        className=f"state {kind}",
        role="status",
    )


def no_customers() -> Component:
    """The state of a figure whose filters leave nobody."""
    return message("No customers match", "Take a filter away, or choose another day, to see this figure.")


def no_comparison() -> Component:
    """The state of a figure that needs two snapshots."""
    return message(
        "Nothing to compare with yet",
        ["This needs a snapshot of an earlier day. Build some with ", html.Code("engagement run --from … --to …"), "."],
    )


def failure(reason: str | None = None) -> Component:
    """What a figure says that could not be made; the others stay. `reason`: words that help, where there are some."""
    return message(
        "This figure could not be made",
        reason
        or "The rest of the page is not affected. The server's log says what went wrong; reloading the page tries again.",
        kind="failed",
    )


def pill(text: str, mood: str) -> Component:
    """A coloured label: `good`, `watch`, `bad`, `calm`. The text carries the meaning, the colour repeats it."""
    return html.Span(text, className=f"pill {mood}")


def swatch(text: str, colour: str) -> Component:
    """A name with the colour it has in a chart."""
    return html.Span([html.Span(className="swatch", style={"background": colour}), text], className="swatched")


def link(text: str, href: str, **more: Any) -> Component:
    """A link within the dashboard; the page is not loaded anew."""
    return dcc.Link(text, href=href, **{"className": "link", **more})


def table(
    head: Sequence[str], rows: Sequence[Sequence[Any]], *, left: Sequence[int] = (0,), caption: str | None = None
) -> Component:
    """A small table; columns other than `left` are numbers and stand on the right."""

    def side(index: int) -> str:
        return "left" if index in left else "right"

    return html.Div(
        html.Table(
            [
                *([html.Caption(caption, className="visually-hidden")] if caption else []),
                html.Thead(html.Tr([html.Th(name, className=side(i), scope="col") for i, name in enumerate(head)])),
                html.Tbody(
                    [
                        html.Tr(
                            [
                                html.Td(NOTHING if value is None else value, className=side(i))
                                for i, value in enumerate(row)
                            ]
                        )
                        for row in rows
                    ]
                ),
            ],
            className="table",
        ),
        className="table-scroll",
        tabIndex=0,
        role="region",
        **aria(label=caption or "Table"),
    )
