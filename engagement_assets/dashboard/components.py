"""Building blocks of the pages: cards, hints, key figures, states, links, tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from dash import dcc, html
from dash.development.base_component import Component

from engagement_assets.dashboard import formats
from engagement_assets.dashboard.formats import NOTHING, Number
from engagement_assets.dashboard.markup import aria
from engagement_assets.dashboard.state import View
from engagement_assets.dashboard.theme import Mark
from engagement_assets.dashboard.warehouse import Row, Warehouse
from engagement_assets.domain.meanings import counted

Good = Literal["up", "down", "neither"]

#: A score that moved by less is about where it was.
SMALL_SCORE = 0.01

#: A figure that moved by less than this share of itself is about where it was.
SMALL_SHARE = 0.01


def hint(meaning: str, subject: str) -> Component:
    """A focusable mark that tells what a measure means, on hover, focus and touch (assets/hints.js)."""
    told: dict[str, Any] = {**aria(label=f"{subject}: {meaning}"), "data-hint": meaning}
    return html.Button(className="hint", type="button", **told)


def card(title: str, body: Any, *, meaning: str | None = None, aside: Any = None, note: str | None = None) -> Component:
    """A titled part of a page."""
    titled = html.Div(
        [html.H2(title, className="card-title"), *([hint(meaning, title)] if meaning else [])], className="titled"
    )
    head = html.Div([titled, *([aside] if aside is not None else [])], className="card-head")
    parts = [head, *([html.Div(note, className="card-note")] if note else []), body]
    return html.Div(parts, className="card panel")


@dataclass(frozen=True)
class KeyFigure:
    """A card with one number: the key of a measure, its label, how it is written, what it means, which way is good.

    `meaning`: a key of `Meanings.text`, or the words themselves. All texts may name settings in braces. Under the number stands
    its change since the comparison date, or what `note` says about the measures. `opens`: the filters of the list of customers
    behind the number, and `counted` the key of the measure that counts them, where that is another one.
    """

    label: str
    key: str
    write: Callable[[Number], str]
    meaning: str
    good: Good = "neither"
    unit: str | None = None
    note: Callable[[Row], str] | None = None
    opens: Mapping[str, Any] | None = None
    counted: str | None = None


#: Whom the measures of `questions.KEY_FIGURES` are of, for the cards that show them.
ALL: dict[str, Any] = {"opens": {}, "counted": "customers"}
SLIPPING: dict[str, Any] = {"opens": {"slipping": True}, "counted": "slipping_customers"}
HIGH_RISK: dict[str, Any] = {"opens": {"high_risk": True}, "counted": "high_risk_customers"}


def figure_cards(
    warehouse: Warehouse,
    figures: Sequence[KeyFigure],
    now: Mapping[str, Any],
    before: Mapping[str, Any] | None = None,
    view: View | None = None,
    usual: Mapping[str, tuple[float, float]] | None = None,
) -> Component:
    """A row of key figures of the measures `now`, with their changes since those of the view's comparison date.

    `usual`: between what they usually change in such a time. Only what is beyond it is better or worse.
    """
    compared = view.compared if view else None
    filled = warehouse.meanings.filled
    return html.Div(
        [
            html.Div(
                [
                    html.Div(
                        [
                            html.Span(filled(figure.label), className="figure-label"),
                            hint(warehouse.meanings.text(figure.meaning), filled(figure.label)),
                        ],
                        className="figure-head",
                    ),
                    html.Div(
                        [
                            _opened(figure, now, view),
                            *([html.Span(f" {filled(figure.unit)}", className="figure-unit")] if figure.unit else []),
                        ],
                        className="figure-value",
                    ),
                    html.Div(filled(figure.note(dict(now))), className="figure-note")
                    if figure.note
                    else _since(
                        figure,
                        now.get(figure.key),
                        (before or {}).get(figure.key),
                        compared,
                        (usual or {}).get(figure.key),
                    ),
                ],
                className="figure panel",
            )
            for figure in figures
        ],
        className="figures",
        style={"--figures": len(figures)},
    )


def _opened(figure: KeyFigure, now: Mapping[str, Any], view: View | None) -> Component | str:
    text = figure.write(now.get(figure.key))
    count = now.get(figure.counted or figure.key)
    return people(view, count, text, **figure.opens) if view and figure.opens is not None else text


def _since(
    figure: KeyFigure, now: Number, before: Number, compared: str | None, usual: tuple[float, float] | None
) -> Component:
    if compared is None or now is None or before is None:
        return html.Div("no earlier snapshot to compare with", className="figure-note")
    moved = float(now) - float(before)
    text = formats.difference(moved, formats.points if figure.write is formats.share else figure.write)
    # What rounds to nothing is no change.
    if not any(digit in "123456789" for digit in text):
        moved, text = 0.0, "unchanged"
    # Beside what is usual a rise can be a bad sign: less of one than in any month before.
    beyond = moved - min(max(moved, usual[0]), usual[1]) if usual is not None else moved
    is_small = abs(moved) < SMALL_SHARE * abs(float(before))
    mood = "same" if is_small else _mood(beyond, figure.good)
    if usual is None:
        word = f"{mood} " if mood != "same" else ""
    else:
        word = (
            ""
            if not moved
            else "as usual "
            if is_small or not beyond
            else f"{'more' if beyond > 0 else 'less'} than usual "
        )
    return html.Div(
        [
            change(moved, text, mood=mood),
            # A date is not broken at its hyphens.
            html.Span([f"{word}since ", html.Span(compared, className="nowrap")], className="change-note"),
        ],
        className="figure-change",
    )


def change(moved: float, text: str | None = None, *, mood: str | None = None) -> Component:
    """A change (of a score, where no text is given) with an arrow, in the colour of a mood: better, worse or same.

    Without a mood, up is better; a change by less than `SMALL_SCORE` is none.
    """
    if mood is None:
        mood = "same" if abs(moved) < SMALL_SCORE else _mood(moved, "up")
    arrow = "▲" if moved > 0 else "▼" if moved < 0 else "■"
    return html.Span(
        [html.Span(arrow, **aria(hidden="true")), " ", text or formats.difference(moved)],
        className=f"change {mood}",
    )


def _mood(moved: float, good: Good) -> str:
    return "same" if not moved or good == "neither" else "better" if (moved > 0) == (good == "up") else "worse"


def stack(*parts: Any) -> Component:
    """Parts below each other."""
    return html.Div(list(parts), className="stack")


def small(text: Any) -> Component:
    """A remark."""
    return html.Div(text, className="quiet small")


def message(title: str, text: Any, *, kind: str = "empty") -> Component:
    """A state that needs words: nothing there, nothing to compare, something failed."""
    return html.Div(
        [html.Div(title, className="state-title"), html.Div(text, className="state-text")],
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


def segment_pill(segment: str) -> Component:
    """A segment's label."""
    return pill(segment, {"High": "good", "Medium": "calm", "Low": "watch", "At Risk": "bad"}.get(segment, "calm"))


def swatch(text: str, colour: str) -> Component:
    """A name with the colour it has in a chart."""
    return html.Span([html.Span(className="swatch", style={"background": colour}), text], className="swatched")


def link(text: Any, href: str, **more: Any) -> Component:
    """A link within the dashboard; the page is not loaded anew."""
    return dcc.Link(text, href=href, **{"className": "link", **more})


def people(view: View, count: int | None, text: Any = None, *dropped: str, **filters: Any) -> Any:
    """A number (or `text`) that opens the list of the customers it counts: those of `View.list_of`. Nobody: the text alone."""
    shown = formats.count(count) if text is None else text
    if not count:
        return shown
    return link(
        shown, view.list_of(*dropped, **filters), title=f"List of {counted(count, 'customer')}", className="link opens"
    )


def mark(view: View, words: str, count: int, *dropped: str, **filters: Any) -> Mark:
    """A mark of a chart that stands for customers and opens their list: `people` for charts."""
    told = f"{words}: {counted(count, 'customer')}"
    return Mark(told, view.list_of(*dropped, **filters) if count else None)


def customer_link(view: View, customer: str, **came: Any) -> Component:
    """A link to a customer's page; `came` says which list it is in."""
    return link(customer, view.link("/customer", cid=customer, **came))


#: A column of a table: heading, key of its value or how to get it from the row, how it is written.
Column = tuple[Any, ...]


def listing(
    rows: Iterable[Any], columns: Sequence[Column], *, left: Sequence[int] = (0,), caption: str | None = None
) -> Component:
    """Rows as a small table."""

    def cell(row: Any, value: str | Callable[[Any], Any], write: Callable[[Any], Any] | None = None) -> Any:
        found = value(row) if callable(value) else row[value]
        return write(found) if write else found

    body = [[cell(row, *how) for _, *how in columns] for row in rows]
    return table([column[0] for column in columns], body, left=left, caption=caption)


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
