"""The report's theme: colours and type of the web dashboard."""

from __future__ import annotations

from typing import Any

from engagement_assets.domain.colours import AMBER, BLUE, COLOURWAY, FEW, GREEN, MANY, VERMILLION

#: The theme's name is that of its file: Desktop finds it by both.
FILE_NAME = "Engagement.json"

_INK, _QUIET, _LINE, _PAPER, _PAGE = "#212529", "#495057", "#dee2e6", "#ffffff", "#f8f9fa"
_FONT = "Segoe UI"


def theme() -> dict[str, Any]:
    """The theme's file."""
    return {
        "name": FILE_NAME,
        "dataColors": COLOURWAY,
        "foreground": _INK,
        "foregroundNeutralSecondary": _QUIET,
        "background": _PAPER,
        "backgroundLight": _PAGE,
        "backgroundNeutral": _LINE,
        "tableAccent": BLUE,
        "good": GREEN,
        "neutral": AMBER,
        "bad": VERMILLION,
        "minimum": FEW,
        "maximum": MANY,
        "hyperlink": BLUE,
        "textClasses": {
            "callout": {"fontSize": 22, "fontFace": _FONT, "color": _INK},
            "title": {"fontSize": 12, "fontFace": _FONT, "color": _INK},
            "header": {"fontSize": 12, "fontFace": _FONT, "color": _INK},
            "label": {"fontSize": 10, "fontFace": _FONT, "color": _QUIET},
        },
        "visualStyles": {
            "*": {
                "*": {
                    "background": [{"show": True, "color": {"solid": {"color": _PAPER}}, "transparency": 0}],
                    "border": [{"show": True, "color": {"solid": {"color": _LINE}}, "radius": 8}],
                    "title": [{"fontSize": 12, "fontColor": {"solid": {"color": _INK}}}],
                }
            },
            "page": {"*": {"background": [{"color": {"solid": {"color": _PAGE}}, "transparency": 0}]}},
            "textbox": {"*": {"background": [{"show": False}], "border": [{"show": False}]}},
        },
    }
