"""The frame around every page: header, navigation, the one set of controls."""

from __future__ import annotations

from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from engagement_assets.dashboard.markup import aria
from engagement_assets.dashboard.state import COMPARISONS
from engagement_assets.dashboard.theme import FONT
from engagement_assets.domain.contracts.engagement import SEGMENTS, VALUE_SEGMENTS

NAVBAR: Any = {"width": 272, "breakpoint": "md", "collapsed": {"mobile": True}}

#: What the comparison switch shows for a date that is none of the given distances back.
OTHER = "other"

_THEME: Any = {"primaryColor": "blue", "fontFamily": FONT, "headings": {"fontFamily": FONT}, "defaultRadius": "sm"}


def frame() -> Component:
    """The layout that stays while pages come and go."""
    return dmc.MantineProvider(
        [
            dcc.Location(id="url", refresh="callback-nav"),
            dmc.AppShell(
                [
                    html.A("Skip to the page", href="#page", className="skip"),
                    dmc.AppShellHeader(_header()),
                    dmc.AppShellNavbar(_navbar()),
                    dmc.AppShellMain(
                        [
                            html.Div(id="status", className="status", role="status"),
                            html.Div(dmc.Skeleton(height=480, radius="md"), id="page", className="page", tabIndex=-1),
                        ]
                    ),
                ],
                id="shell",
                header={"height": 56},
                navbar=NAVBAR,
                padding={"base": "sm", "sm": "lg"},
            ),
            html.Div(id="title-sink", hidden=True),
            # What the address says now: a grid's order and place go into it without the page being drawn anew.
            dcc.Store(id="address"),
        ],
        theme=_THEME,
        defaultColorScheme="auto",
    )


def _header() -> Component:
    return dmc.Group(
        [
            dmc.Group(
                [
                    dmc.Burger(
                        id="burger",
                        opened=False,
                        hiddenFrom="md",
                        size="sm",
                        **aria(label="Navigation and filters"),
                    ),
                    html.Span(className="mark", **aria(hidden="true")),
                    dmc.Text("Customer engagement", fw=650, visibleFrom="xs", style={"whiteSpace": "nowrap"}),
                ],
                gap="sm",
                wrap="nowrap",
            ),
            dmc.Group(
                [
                    dmc.TextInput(
                        id="customer-search",
                        placeholder="Customer id",
                        size="xs",
                        w={"base": 150, "sm": 220},
                        debounce=True,
                        **aria(label="Find a customer by id or how it begins, then press Enter"),
                    ),
                    dmc.ColorSchemeToggle(
                        id="scheme",
                        lightIcon="☾",
                        darkIcon="☀",
                        variant="default",
                        size="md",
                        **aria(label="Switch between light and dark"),
                    ),
                ],
                gap="xs",
                wrap="nowrap",
            ),
        ],
        h="100%",
        px="md",
        justify="space-between",
        wrap="nowrap",
    )


def _navbar() -> list[Component]:
    return [
        dmc.AppShellSection(
            [
                html.Nav(id="nav", **aria(label="Pages")),
                dmc.Divider(my="sm"),
                # The browser fills it once the page is drawn (`routing`): calendars and selects take as long as a page of charts.
                html.Div(id="controls", className="controls"),
            ],
            grow=True,
            p="md",
            style={"overflowY": "auto"},
        )
    ]


def controls() -> Component:
    """What chooses the snapshot, what it is compared with, and the customers."""
    choices: dict[str, Any] = {"value": [], "clearable": True, "size": "xs", "hidePickedOptions": True}
    return dmc.Stack(
        [
            dmc.DatePickerInput(
                id="as-of",
                label="As of",
                valueFormat="YYYY-MM-DD",
                size="xs",
                allowDeselect=False,
                highlightToday=False,
            ),
            dmc.Stack(
                [
                    dmc.Text("Compare with (days back)", size="xs", fw=500, id="compare-label"),
                    dmc.SegmentedControl(
                        id="compare",
                        data=[
                            *({"value": days, "label": days} for days in COMPARISONS),
                            {"value": OTHER, "label": "Other"},
                        ],
                        size="xs",
                        fullWidth=True,
                        **aria(label="Compare with so many days back"),
                    ),
                    dmc.DatePickerInput(
                        id="compare-day",
                        valueFormat="YYYY-MM-DD",
                        size="xs",
                        placeholder="no earlier snapshot",
                        highlightToday=False,
                        **aria(label="Comparison date"),
                    ),
                ],
                gap=4,
            ),
            dmc.MultiSelect(id="country", label="Country", placeholder="All", data=[], searchable=True, **choices),
            dmc.MultiSelect(id="segment", label="Segment", placeholder="All", data=list(SEGMENTS), **choices),
            dmc.MultiSelect(id="value", label="Value segment", placeholder="All", data=list(VALUE_SEGMENTS), **choices),
            dmc.Button("Clear filters", id="clear", size="xs", variant="default", fullWidth=True),
        ],
        gap="xs",
    )
