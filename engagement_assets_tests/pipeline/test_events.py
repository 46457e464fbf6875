"""How many events a run writes, exactly: they are most of what a run of small tables costs."""

from __future__ import annotations

from collections import Counter

from engagement_assets.domain.catalogue import FACTS, daily_tables
from engagement_assets_tests import PROJECT
from engagement_assets_tests.worlds import World

#: Results per day that is asked for: the contract of 13 tables, and the monitors (5 of the scores, 2 of the orders, 2 of the web
#: events, 1 of the customers).
RESULTS_PER_DAY = 13 + 10
#: Results per run: readable_files, rejected_share, no_null_identifiers of three sources; known_customers and
#: dates_within_window of two, customers_conserved of features and scores; of one no_negative_amounts,
#: orders_not_before_signup, known_event_types, signup_not_after_last_event, one_row_per_customer, no_unexpected_nulls,
#: scores_between_0_and_1, contributions_add_up, arms_are_alike.
RESULTS_PER_RUN = 3 * 3 + 2 * 3 + 9


def test_a_range_and_a_single_day_of_the_sample_data_write_few_events(sample_world: World) -> None:
    """The days 17 to 30 June 2026 on an empty lake, which has facts from 1 January 2025 filled in; then 20 February 2025."""
    runs = sample_world.instance.get_runs()
    told = {
        run.tags.get("dagster/partition", "range"): Counter(
            entry.dagster_event_type.value if entry.dagster_event_type else "message"
            for entry in sample_world.instance.all_logs(run.run_id)
        )
        for run in runs
    }
    # The sample data has no contacts: not an event speaks of what a shop may be without.
    tables, facts = len(daily_tables()), len(set(FACTS) & set(daily_tables()))
    assert (tables, facts) == (13, 3)
    # From 1 January 2025 to 16 June 2026 there are 532 days.
    for run, days, filled_in in (("range", 14, 532), ("2025-02-20", 1, 0)):
        found = told[run]
        messages = found.pop("message")
        assert messages <= 40
        specs = RESULTS_PER_DAY + RESULTS_PER_RUN
        assert found == {
            "ASSET_MATERIALIZATION_PLANNED": tables * days,
            "ASSET_MATERIALIZATION": tables * days + facts * filled_in,
            "ASSET_CHECK_EVALUATION_PLANNED": specs,
            "ASSET_CHECK_EVALUATION": RESULTS_PER_DAY * days + RESULTS_PER_RUN,
            # A step for each table, and one for the monitors of each of four.
            **dict.fromkeys(("STEP_START", "STEP_SUCCESS"), tables + 4),
            "STEP_OUTPUT": tables + specs,
            **dict.fromkeys(("PIPELINE_START", "PIPELINE_SUCCESS"), 1),
            **dict.fromkeys(("RESOURCE_INIT_STARTED", "RESOURCE_INIT_SUCCESS"), 1),
            "ENGINE_EVENT": 2,
            "LOGS_CAPTURED": 1,
        }


def test_the_documents_say_what_a_day_costs() -> None:
    tables = len(daily_tables())
    told = (
        f"A day costs {2 * tables + RESULTS_PER_DAY} events: of {tables} tables a planned and a made materialisation each, and "
        f"{RESULTS_PER_DAY} results of checks."
    )
    assert told in (PROJECT / "docs" / "operations.md").read_text(encoding="utf-8")
