"""The semantic model keeps the rules of good models, but for what is excepted with a reason."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engagement_assets_tests.exports.power_bi.best_practice import EXCEPTIONS, RULES, broken, excepted
from engagement_assets_tests.exports.power_bi.reading import read_model, read_report

TABLES = "Engagement.SemanticModel/definition/tables"
DEFINITION = "Engagement.SemanticModel/definition"

#: For each rule, a way to break it: file, text, and what it becomes; and the object that then breaks it.
BREAKS: dict[str, tuple[str, str, str, str]] = {
    "foreign_keys_are_hidden": (
        f"{TABLES}/Orders.tmdl",
        "column 'Customer id'\n\t\tdataType: string\n\t\tisHidden\n",
        "column 'Customer id'\n\t\tdataType: string\n",
        "Orders[Customer id]",
    ),
    "keys_are_marked": (f"{TABLES}/Countries.tmdl", "\t\tisKey\n", "", "Countries[Country]"),
    "relationships_on_integers_or_dates": (
        f"{TABLES}/Daily Groups.tmdl",
        "dataType: dateTime",
        "dataType: string",
        "Daily Groups[As of date]",
    ),
    "relationships_of_one_type": (
        f"{TABLES}/Daily Groups.tmdl",
        "dataType: dateTime",
        "dataType: int64",
        "Daily Groups[As of date]",
    ),
    "relationships_go_one_way": (
        f"{DEFINITION}/relationships.tmdl",
        "\ttoColumn: Dates.Date\n",
        "\ttoColumn: Dates.Date\n\tcrossFilteringBehavior: bothDirections\n",
        "crossFilteringBehavior of 'Score History'.'As of date'",
    ),
    "no_snowflake": (
        f"{DEFINITION}/relationships.tmdl",
        "fromColumn: Orders.'As of date'",
        "fromColumn: Countries.Country",
        "Countries",
    ),
    "tables_are_related": (
        f"{DEFINITION}/relationships.tmdl",
        "fromColumn: 'Table Rows'.'As of date'",
        "fromColumn: Orders.'As of date'",
        "Table Rows",
    ),
    "the_date_table_is_marked": (f"{TABLES}/Dates.tmdl", "\tdataCategory: Time\n", "", "Dates"),
    "the_date_table_has_hierarchies": (
        f"{TABLES}/Dates.tmdl",
        "level Quarter",
        "level Half\n\t\t\tcolumn: Half\n\n\t\tlevel Quarter",
        "Calendar: Half",
    ),
    "no_automatic_date_tables": (
        f"{DEFINITION}/model.tmdl",
        "__PBI_TimeIntelligenceEnabled = 0",
        "__PBI_TimeIntelligenceEnabled = 1",
        "Model",
    ),
    "nothing_is_calculated_in_the_model": (
        f"{TABLES}/Orders.tmdl",
        "\t\tsourceColumn: order_id\n",
        "",
        "Orders[Order id]",
    ),
    "nothing_is_summed_up_by_itself": (
        f"{TABLES}/Dates.tmdl",
        "sourceColumn: year",
        "sourceColumn: year\n\t\tsummarizeBy: sum",
        "Dates[Year]",
    ),
    "numbers_and_days_have_formats": (f"{TABLES}/Dates.tmdl", "\t\tformatString: 0\n", "", "Dates[Year]"),
    "hidden_columns_are_used": (
        f"{TABLES}/Dates.tmdl",
        "\t\tsortByColumn: 'Weekday number'\n",
        "",
        "Dates[Weekday number]",
    ),
    "only_attributes_are_for_pivots": (
        f"{TABLES}/Orders.tmdl",
        "\t\tisAvailableInMdx: false\n",
        "",
        "Orders[As of date]",
    ),
    "no_floating_point": (f"{TABLES}/Orders.tmdl", "dataType: decimal", "dataType: double", "Orders[Order amount]"),
    "days_without_times": (
        f"{TABLES}/Dates.tmdl",
        "\t\tannotation UnderlyingDateTimeDataType = Date\n",
        "",
        "Dates[Date]",
    ),
    "whole_numbers_are_whole": (f"{TABLES}/Dates.tmdl", "formatString: 0\n", "formatString: 0.0\n", "Dates[Year]"),
    "what_is_seen_is_described": (f"{TABLES}/Dates.tmdl", "\t/// calendar year\n", "", "Dates[Year]"),
    "names_begin_with_capitals_and_have_no_spaces_around": (
        f"{TABLES}/Dates.tmdl",
        "column Week\n",
        "column week\n",
        "week",
    ),
    "measures_have_formats_and_folders": (
        f"{TABLES}/Measures.tmdl",
        "\t\tdisplayFolder: Key figures\n",
        "",
        "Customers",
    ),
    "measures_are_not_repeated": (
        f"{TABLES}/Measures.tmdl",
        "SUM('Orders'[Order amount])",
        "COUNTROWS('Orders')",
        "Order revenue",
    ),
    "measures_are_more_than_another": (
        f"{TABLES}/Measures.tmdl",
        "SUM('Orders'[Order amount])",
        "[Revenue]",
        "Order revenue",
    ),
    "divide_by_divide": (
        f"{TABLES}/Measures.tmdl",
        "DIVIDE([Revenue], [Orders so far])",
        "[Revenue] / [Orders so far]",
        "Average order",
    ),
    "columns_are_named_with_their_tables": (
        f"{TABLES}/Measures.tmdl",
        "SUM('Orders'[Order amount])",
        "SUM([Order amount])",
        "Order revenue",
    ),
    "filters_on_columns": (
        f"{TABLES}/Measures.tmdl",
        "SUM('Orders'[Order amount])",
        "COUNTROWS(FILTER('Orders', TRUE()))",
        "Order revenue",
    ),
    "shunned_functions": (
        f"{TABLES}/Measures.tmdl",
        "SUM('Orders'[Order amount])",
        "IFERROR(SUM('Orders'[Order amount]), 0)",
        "Order revenue",
    ),
}


def test_the_model_breaks_no_rule_but_on_purpose(project: Path) -> None:
    found = broken(read_model(project), read_report(project))
    assert [each for each in found if not excepted(*each)] == []
    needed = {number for each in found for number in excepted(*each)}
    assert [EXCEPTIONS[number] for number in range(len(EXCEPTIONS)) if number not in needed] == []
    assert all(reason for _, _, reason in EXCEPTIONS)


@pytest.mark.parametrize("name", RULES)
def test_each_rule_objects(name: str, project: Path, tmp_path: Path) -> None:
    place, old, new, named = BREAKS[name]
    copy = tmp_path / "project"
    shutil.copytree(project, copy)
    file = copy / place
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    objections = [found for rule, found in broken(read_model(copy), read_report(copy)) if rule == name]
    assert named in objections
    assert not excepted(name, named)
