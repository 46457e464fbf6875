"""Ways to break a project, each with the judge that has to notice."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MODEL = "Engagement.SemanticModel/definition"
REPORT = "Engagement.Report"
DEFINITION = f"{REPORT}/definition"

#: Our cross-reference, the report validator, the Power Query parser, the DAX parser.
CROSS, VALIDATOR, QUERY, DAX = "cross-reference", "report validator", "Power Query parser", "DAX parser"


@dataclass(frozen=True)
class Mutation:
    """What is broken, how, and who notices."""

    name: str
    judge: str
    apply: Callable[[Path], None]


def text(place: str, old: str, new: str) -> Callable[[Path], None]:
    """The first place of a text in a file, replaced."""

    def apply(project: Path) -> None:
        file = project / place
        before = file.read_text(encoding="utf-8")
        assert old in before, (place, old)
        file.write_text(before.replace(old, new, 1), encoding="utf-8")

    return apply


def page(title: str, change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    """A page's own file, changed."""
    return lambda project: _change(_page(project, title) / "page.json", change)


def visual(title: str, kind: str, change: Callable[[dict[str, Any]], None]) -> Callable[[Path], None]:
    """The first visual of a kind on a page, changed."""
    return lambda project: _change(_visual(project, title, kind), change)


def remove(find: Callable[[Path], Path]) -> Callable[[Path], None]:
    """A file, removed."""
    return lambda project: find(project).unlink()


def _page(project: Path, title: str) -> Path:
    for place in sorted((project / DEFINITION / "pages").glob("*/page.json")):
        if json.loads(place.read_text(encoding="utf-8"))["displayName"] == title:
            return place.parent
    raise AssertionError(title)


def _visual(project: Path, title: str, kind: str) -> Path:
    for place in sorted(_page(project, title).glob("visuals/*/visual.json")):
        if json.loads(place.read_text(encoding="utf-8"))["visual"]["visualType"] == kind:
            return place
    raise AssertionError((title, kind))


def _change(file: Path, change: Callable[[dict[str, Any]], None]) -> None:
    value = json.loads(file.read_text(encoding="utf-8"))
    change(value)
    file.write_text(json.dumps(value), encoding="utf-8")


def _first(found: dict[str, Any], role: str) -> dict[str, Any]:
    projection: dict[str, Any] = found["visual"]["query"]["queryState"][role]["projections"][0]
    return projection


def _rename_field(role: str, name: str) -> Callable[[dict[str, Any]], None]:
    def change(found: dict[str, Any]) -> None:
        (inner,) = _first(found, role)["field"].values()
        inner["Property"] = name

    return change


def _without_tag(project: Path) -> None:
    file = project / MODEL / "tables" / "Orders.tmdl"
    tags = re.findall(r"lineageTag: (\S+)", file.read_text(encoding="utf-8"))
    file.write_text(file.read_text(encoding="utf-8").replace(tags[1], tags[2]), encoding="utf-8")


def _second_measure(project: Path) -> None:
    file = project / MODEL / "tables" / "Orders.tmdl"
    more = "\n\tmeasure 'Average score' = 1\n\t\tlineageTag: 00000000-0000-0000-0000-000000000000\n"
    file.write_text(file.read_text(encoding="utf-8") + more, encoding="utf-8")


def _rename_sync(found: dict[str, Any]) -> None:
    """A slicer that stays in the group of another: of dates, say, among those of segments."""
    ((_, inner),) = _first(found, "Values")["field"].items()
    groups = ["Date", "Country", "Segment"]
    own = {"Date": "Date", "Country": "Country"}.get(inner["Property"], "Segment")
    found["visual"]["syncGroup"]["groupName"] = next(group for group in groups if group != own)


MUTATIONS = (
    # the model
    Mutation(
        "broken DAX",
        DAX,
        text(f"{MODEL}/tables/Measures.tmdl", "SUM('Orders'[Order amount])", "SUM('Orders'[Order amount]"),
    ),
    Mutation(
        "a measure names a column that is not there",
        CROSS,
        text(f"{MODEL}/tables/Measures.tmdl", "'Orders'[Order amount]", "'Orders'[Amount]"),
    ),
    Mutation(
        "a measure names a table that is not there",
        CROSS,
        text(f"{MODEL}/tables/Measures.tmdl", "COUNTROWS('Orders')", "COUNTROWS('Order')"),
    ),
    Mutation(
        "a measure names a measure that is not there",
        CROSS,
        text(f"{MODEL}/tables/Measures.tmdl", "DIVIDE([High-risk customers],", "DIVIDE([At risk],"),
    ),
    Mutation(
        "a measure refers to itself",
        CROSS,
        text(
            f"{MODEL}/tables/Measures.tmdl",
            "DIVIDE([Revenue], [Orders so far])",
            "DIVIDE([Average order], [Orders so far])",
        ),
    ),
    Mutation("a measure of one name in two tables", CROSS, _second_measure),
    Mutation(
        "a measure and a column of one name",
        CROSS,
        text(f"{MODEL}/tables/Measures.tmdl", "column None", "column Revenue"),
    ),
    Mutation(
        "two columns of one name",
        CROSS,
        text(f"{MODEL}/tables/Orders.tmdl", "column 'Order id'", "column 'Order date'"),
    ),
    Mutation("one lineage tag twice", CROSS, _without_tag),
    Mutation(
        "a relationship between different types",
        CROSS,
        text(f"{MODEL}/relationships.tmdl", "toColumn: Dates.Date", "toColumn: Dates.Quarter"),
    ),
    Mutation(
        "a relationship with a column that is not there",
        CROSS,
        text(f"{MODEL}/relationships.tmdl", "'Customer id'", "Customer"),
    ),
    Mutation(
        "a relationship to a column that is no key",
        CROSS,
        text(f"{MODEL}/relationships.tmdl", "toColumn: Dates.Date", "toColumn: Dates.Month"),
    ),
    Mutation(
        "a column sorted by one that is not there",
        CROSS,
        text(f"{MODEL}/tables/Dates.tmdl", "sortByColumn: 'Weekday number'", "sortByColumn: Number"),
    ),
    Mutation(
        "a column of another type than it loads as",
        CROSS,
        text(f"{MODEL}/tables/Orders.tmdl", "dataType: decimal", "dataType: string"),
    ),
    Mutation(
        "a column renamed in the export",
        CROSS,
        text(f"{MODEL}/tables/Orders.tmdl", '{"order_amount", Currency.Type}', '{"amount", Currency.Type}'),
    ),
    Mutation(
        "a column that the file has is not read",
        CROSS,
        text(f"{MODEL}/tables/Dates.tmdl", ', {"weekday", type text}', ""),
    ),
    Mutation("a file that is not exported", CROSS, text(f"{MODEL}/tables/Dates.tmdl", '"dates.csv"', '"calendar.csv"')),
    Mutation(
        "fewer columns than the file has", CROSS, text(f"{MODEL}/tables/Dates.tmdl", "Columns = 7", "Columns = 6")
    ),
    Mutation("empty cells read as texts", CROSS, text(f"{MODEL}/tables/Latest Scores.tmdl", ', "recency_days"', "")),
    Mutation(
        "broken Power Query",
        QUERY,
        text(
            f"{MODEL}/tables/Dates.tmdl",
            "Typed = Table.TransformColumnTypes(Source,",
            "Typed = Table.TransformColumnTypes(Source,,",
        ),
    ),
    Mutation(
        "a parameter without its end",
        QUERY,
        text(f"{MODEL}/expressions.tmdl", "IsParameterQueryRequired = true]", "IsParameterQueryRequired = true"),
    ),
    # the report
    Mutation("a file that is no JSON", CROSS, text(f"{DEFINITION}/report.json", "{", "{,")),
    Mutation(
        "a visual with a measure that is not in the model",
        CROSS,
        visual("Executive overview", "donutChart", _rename_field("Y", "Clients")),
    ),
    Mutation(
        "a visual with a column that is not in the model",
        CROSS,
        visual("Behaviour", "funnel", _rename_field("Category", "Step")),
    ),
    Mutation(
        "a filter with a column that is not in the model",
        CROSS,
        page(
            "High-value customers",
            lambda found: found["filterConfig"]["filters"][0]["filter"]["Where"][0]["Condition"]["In"]["Expressions"][
                0
            ]["Column"].update(Property="Risk"),
        ),
    ),
    Mutation(
        "a query reference to something else",
        CROSS,
        visual("Behaviour", "funnel", lambda found: _first(found, "Y").update(queryRef="Measures.Customers")),
    ),
    Mutation(
        "colours for a column that is not shown",
        CROSS,
        visual(
            "At-risk customers",
            "tableEx",
            lambda found: found["visual"]["objects"]["values"][0]["selector"].update(metadata="Measures.Recency"),
        ),
    ),
    Mutation(
        "a hidden page to which nothing leads",
        CROSS,
        page("Monitoring", lambda found: found.update(visibility="HiddenInViewMode")),
    ),
    Mutation(
        "a drill-through bound to no filter",
        CROSS,
        page("Customer", lambda found: found["pageBinding"]["parameters"][0].update(boundFilter="none")),
    ),
    Mutation(
        "a drill-through page without a way back",
        CROSS,
        visual("Customer", "actionButton", lambda found: found["visual"].pop("visualContainerObjects")),
    ),
    Mutation(
        "slicers of one name for different columns",
        CROSS,
        visual(
            "Monitoring",
            "slicer",
            _rename_sync,
        ),
    ),
    Mutation(
        "a key that the schema does not know",
        CROSS,
        visual("Monitoring", "tableEx", lambda found: found["visual"].update(sync="Date")),
    ),
    Mutation(
        "a key that the schema requires is not there",
        CROSS,
        page("Monitoring", lambda found: found.pop("displayOption")),
    ),
    Mutation(
        "a value that the schema does not know",
        CROSS,
        visual(
            "Executive overview",
            "donutChart",
            lambda found: found["visual"]["query"]["sortDefinition"]["sort"][0].update(direction="Upwards"),
        ),
    ),
    Mutation(
        "a text where the schema wants a number",
        CROSS,
        visual("Monitoring", "tableEx", lambda found: found["position"].update(x="16")),
    ),
    Mutation(
        "an expression of two kinds",
        CROSS,
        visual(
            "Executive overview",
            "donutChart",
            lambda found: _first(found, "Y")["field"].update(Literal={"Value": "1L"}),
        ),
    ),
    Mutation(
        "another version of a schema",
        CROSS,
        page("Monitoring", lambda found: found.update({"$schema": found["$schema"].replace("2.0.0", "9.0.0")})),
    ),
    Mutation(
        "a field twice in a visual",
        CROSS,
        visual(
            "Monitoring",
            "tableEx",
            lambda found: found["visual"]["query"]["queryState"]["Values"]["projections"].append(
                _first(found, "Values")
            ),
        ),
    ),
    Mutation(
        "the theme is not there",
        CROSS,
        remove(lambda project: project / REPORT / "StaticResources/RegisteredResources/Engagement.json"),
    ),
    Mutation(
        "a page that the order does not name",
        VALIDATOR,
        lambda project: _change(project / DEFINITION / "pages/pages.json", lambda found: found["pageOrder"].pop()),
    ),
    Mutation(
        "a visual without what it has to show",
        VALIDATOR,
        visual("Executive overview", "donutChart", lambda found: found["visual"]["query"]["queryState"].pop("Y")),
    ),
    Mutation(
        "a role that the visual does not have",
        VALIDATOR,
        visual(
            "Behaviour",
            "funnel",
            lambda found: found["visual"]["query"]["queryState"].update(
                Wrong=found["visual"]["query"]["queryState"]["Y"]
            ),
        ),
    ),
    Mutation(
        "two measures where one may be",
        VALIDATOR,
        visual(
            "Score breakdown",
            "decompositionTreeVisual",
            lambda found: found["visual"]["query"]["queryState"]["Analyze"]["projections"].append(
                found["visual"]["query"]["queryState"]["Analyze"]["projections"][0]
            ),
        ),
    ),
    Mutation(
        "a column where a measure has to be",
        VALIDATOR,
        visual(
            "Executive overview",
            "donutChart",
            lambda found: found["visual"]["query"]["queryState"].update(
                Y=found["visual"]["query"]["queryState"]["Category"]
            ),
        ),
    ),
    Mutation(
        "a kind of visual that does not exist",
        VALIDATOR,
        visual("Executive overview", "donutChart", lambda found: found["visual"].update(visualType="doughnut")),
    ),
    Mutation(
        "a visual beyond the edge of its page",
        VALIDATOR,
        visual("Monitoring", "tableEx", lambda found: found["position"].update(x=1200)),
    ),
    Mutation(
        "a setting that the visual does not have",
        VALIDATOR,
        visual(
            "Score breakdown",
            "decompositionTreeVisual",
            lambda found: found["visual"]["objects"]["analysis"][0]["properties"].update(
                clever=found["visual"]["objects"]["analysis"][0]["properties"]["aiEnabled"]
            ),
        ),
    ),
    Mutation(
        "a value that the setting does not know",
        VALIDATOR,
        visual(
            "At-risk customers",
            "kpi",
            lambda found: found["visual"]["objects"]["status"][0]["properties"]["direction"]["expr"]["Literal"].update(
                Value="'Sideways'"
            ),
        ),
    ),
    Mutation(
        "an interval that ends nowhere",
        CROSS,
        visual(
            "Campaign results",
            "clusteredBarChart",
            lambda found: found["visual"]["objects"]["error"][0]["properties"]["errorRange"]["explicit"]["upperBound"][
                "expr"
            ]["Measure"].update(Property="Uplift above"),
        ),
    ),
    Mutation("a page without its name", VALIDATOR, page("Monitoring", lambda found: found.pop("displayName"))),
    Mutation(
        "two visuals of one name",
        VALIDATOR,
        lambda project: _change(
            _visual(project, "Monitoring", "tableEx"),
            lambda found: found.update(
                name=json.loads(_visual(project, "Monitoring", "cardVisual").read_text(encoding="utf-8"))["name"]
            ),
        ),
    ),
    Mutation(
        "a theme whose name is not its file's",
        VALIDATOR,
        text(
            f"{REPORT}/StaticResources/RegisteredResources/Engagement.json",
            '"name": "Engagement.json"',
            '"name": "Other"',
        ),
    ),
    Mutation("a report without a version", VALIDATOR, remove(lambda project: project / DEFINITION / "version.json")),
)
