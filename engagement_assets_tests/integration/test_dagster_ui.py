"""The Dagster UI as a person uses it: a real webserver and daemon, a headless Chromium, a backfill launched by clicks."""

from __future__ import annotations

import json
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from engagement_assets.domain.catalogue import daily_tables
from engagement_assets.domain.contracts import EngagementScores
from engagement_assets.settings import PREFIX
from engagement_assets_tests import PROJECT
from engagement_assets_tests.servers import free_port, remembering_chromium, running, wait_for
from engagement_assets_tests.webhook import Webhook, listening
from engagement_assets_tests.worlds import World

pytestmark = [pytest.mark.server, pytest.mark.browser, pytest.mark.timeout(600)]

WORKSPACE = PROJECT / "workspace.yaml"
FIRST, LAST = "2025-03-01", "2025-03-03"
BACKFILL = ["2025-03-04", "2025-03-05", "2025-03-06"]
DAYS_BUILT = [f"2025-03-0{day}" for day in range(1, 7)]
UNBUILT = "2025-03-20"
SLOW = 30_000  # milliseconds; the first page loads the whole application


@dataclass
class Ui:
    """A page of the UI, its address, the shop it shows, and where alerts go."""

    page: Page
    address: str
    shop: World
    hook: Webhook

    def open(self, path: str) -> Page:
        """Go to a path of the UI."""
        self.page.goto(f"{self.address}{path}")
        return self.page

    def query(self, text: str, **variables: Any) -> dict[str, Any]:
        """Ask the webserver's GraphQL, as the UI does."""
        body = json.dumps({"query": text, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.address}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return dict(json.load(answer)["data"])


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory, engine: object) -> Iterator[Ui]:
    """The UI over a small shop with three days built in one range run."""
    root = tmp_path_factory.mktemp("ui")
    shop = World(root, options={"start_date": FIRST})
    shop.customers([{"customer_id": "a"}, {"customer_id": "b"}])
    shop.parquet(
        "orders",
        "orders.parquet",
        [
            {
                "order_id": f"o{day}",
                "customer_id": "ab"[day % 2],
                "order_date": f"2025-03-{day:02d}",
                "order_amount": "9.50",
            }
            for day in range(1, 7)
        ],
    )
    shop.run(FIRST, LAST)
    environment = {
        "DAGSTER_HOME": str(root / "home"),
        f"{PREFIX}DATA": shop.settings.data,
        f"{PREFIX}LAKE": shop.settings.lake,
        f"{PREFIX}EXPORT": shop.settings.export,
        f"{PREFIX}START_DATE": FIRST,
    }
    port = free_port()
    workspace = ["--workspace", str(WORKSPACE)]
    webserver = [sys.executable, "-m", "dagster_webserver", *workspace, "--host", "127.0.0.1", "--port", str(port)]
    daemon = [sys.executable, "-m", "dagster._daemon", "run", *workspace]
    with (
        listening() as hook,
        running(webserver, root / "webserver.log", environment) as server,
        running(daemon, root / "daemon.log", environment | {f"{PREFIX}ALERT_WEBHOOK": hook.address}),
    ):
        wait_for(f"http://127.0.0.1:{port}/server_info", server, root / "webserver.log")
        with sync_playwright() as playwright, remembering_chromium(playwright, root / "browser") as window:
            page = window.new_page()
            page.set_default_timeout(SLOW)
            expect.set_options(timeout=SLOW)
            yield Ui(page, f"http://127.0.0.1:{port}", shop, hook)


def test_the_asset_graph_shows_the_groups_in_their_order(ui: Ui) -> None:
    page = ui.open("/asset-groups")
    boxes = [page.locator("div").get_by_text(name, exact=True).last for name in ("sources", "engagement", "serving")]
    lefts = []
    for box in boxes:
        expect(box).to_be_visible()
        lefts.append((box.bounding_box() or {"x": -1})["x"])
    assert lefts == sorted(lefts)
    # Nothing of others lies over the page.
    expect(page.get_by_text("Join the Dagster community")).to_have_count(0)


def test_a_partition_shows_its_rows_and_its_score_distribution(ui: Ui) -> None:
    page = ui.open(f"/assets/engagement_scores?view=partitions&partition={LAST}")
    for text in ("Materialized", "dagster/partition_row_count", "preview", "score_distribution", "settings"):
        expect(page.get_by_text(text, exact=True).first).to_be_visible()
    expect(page.get_by_role("link", name=f"http://127.0.0.1:8050/?date={LAST}")).to_be_visible()


def test_a_table_shows_where_its_columns_come_from(ui: Ui) -> None:
    page = ui.open("/assets/engagement_scores")
    expect(page.get_by_text("1 for who ordered last", exact=False).first).to_contain_text(
        "(from customer_features.recency_days)"
    )
    lineage = ui.query(
        """{assetNodeOrError(assetKey: {path: ["engagement_scores"]}) {... on AssetNode {assetMaterializations(limit: 1) {
        metadataEntries {... on TableColumnLineageMetadataEntry {lineage {columnName columnDeps {assetKey {path} columnName}}}}
        }}}}"""
    )
    (entry,) = [e for e in lineage["assetNodeOrError"]["assetMaterializations"][0]["metadataEntries"] if e]
    origins = {column["columnName"]: column["columnDeps"] for column in entry["lineage"]}
    assert origins["session_score"] == [
        {"assetKey": {"path": ["customer_features"]}, "columnName": "sessions_last_30_days"}
    ]


def expect_passed(ui: Ui, days: int, check: str = "contract", words: str = "no violations") -> None:
    """The page of a check counts so many days as passed, and none as skipped or failed."""
    page = ui.open(f"/assets/engagement_scores?view=checks&checkDetail={check}")
    expect(page.get_by_text(words)).to_be_visible()  # the check's own page is there, with its tabs
    page.get_by_text("Partitions", exact=True).last.click()
    for label, count in (("Passed", days), ("Skipped", 0), ("Failed", 0)):
        expect(page.locator("label").filter(has_text=label).filter(has_text=f"({count})").first).to_be_visible()


def wait_for_run(ui: Ui, job: str, tag: str) -> str:
    """The status in which the latest run of a job with such a tag ends."""
    runs = f'{{runsOrError(filter: {{pipelineName: "{job}"}}, limit: 10) {{... on Runs {{results {{status tags {{key}}}}}}}}}}'
    end = time.monotonic() + 300  # where others share the processors, a run waits for its turn
    while time.monotonic() < end:
        found = [
            run["status"]
            for run in ui.query(runs)["runsOrError"]["results"]
            if any(each["key"] == tag for each in run["tags"])
        ]
        if found and found[0] in ("SUCCESS", "FAILURE"):
            return str(found[0])
        time.sleep(0.5)
    raise AssertionError(f"no run of {job} with the tag {tag} ended")


def test_a_check_shows_a_result_for_each_day_of_a_range_run_and_none_as_skipped(ui: Ui) -> None:
    expect_passed(ui, days=3)
    expect_passed(ui, days=3, check="missing_days", words="none of the 2 days before is missing")


@pytest.mark.slow  # smaller: the backfill below is launched by clicks, too
def test_monitoring_runs_again_on_a_day_chosen_in_the_launchpad(ui: Ui) -> None:
    page = ui.open("/locations/engagement/jobs/monitoring/playground")
    partition = page.get_by_placeholder("Partition")
    offered = page.get_by_text(FIRST, exact=True).first
    end = time.monotonic() + 60
    while not offered.is_visible() and time.monotonic() < end:  # they are offered once the page has loaded them
        partition.fill("")
        partition.press_sequentially(FIRST)
        page.wait_for_timeout(1000)
    offered.click()
    expect(partition).to_have_value(FIRST)
    page.get_by_role("button", name="Launch Run").click()
    assert wait_for_run(ui, "monitoring", "dagster/partition") == "SUCCESS"
    # The latest result is that of the day that was looked at again; the other days keep theirs.
    expect_passed(ui, days=3, check="missing_days", words="none of the 0 days before is missing")


def test_everything_that_ran_has_a_result(ui: Ui) -> None:
    checks = ui.query(
        """{assetNodes {assetKey {path} partitionDefinition {name} assetChecksOrError {... on AssetChecks {checks {name
        executionForLatestMaterialization {status}}}}}}"""
    )
    found = {
        (node["assetKey"]["path"][-1], check["name"]): (check["executionForLatestMaterialization"] or {}).get("status")
        for node in checks["assetNodes"]
        for check in (node["assetChecksOrError"] or {}).get("checks", [])
    }
    assert len(found) > 30
    # Punctuality is the sensor's matter, which is off here.
    assert found.pop(("yesterdays_snapshot", "ready_by_hour")) is None
    assert {key: status for key, status in found.items() if status not in ("SUCCEEDED", "FAILED")} == {}


def test_a_range_backfill_launched_by_clicks_is_one_run_that_the_daemon_finishes(ui: Ui) -> None:
    page = ui.open("/locations/engagement/jobs/daily_snapshot")
    page.get_by_text("Materialize all…").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Show all partitions").click()
    days = dialog.locator("input[type=text]").first
    days.fill(f"[{BACKFILL[0]}...{BACKFILL[-1]}]")
    days.press("Enter")
    dialog.get_by_role("button", name="Launch backfill").click()
    assert wait_for_run(ui, "daily_snapshot", "dagster/backfill") == "SUCCESS"
    assert set(BACKFILL) <= set(ui.shop.lake.partitions(EngagementScores))
    expect_passed(ui, days=6)
    expect_passed(ui, days=6, check="missing_days", words="none of the 5 days before is missing")


def states(ui: Ui) -> dict[str, list[tuple[str, str, str]]]:
    """What the UI draws, asked as it asks: per table and check its ranges of days with their state; stale days of tables."""
    ranges = "ranges {startKey endKey status}"
    answer = ui.query(
        f"""query ($days: [String!], $tables: [AssetKeyInput!]) {{assetNodes(assetKeys: $tables) {{assetKey {{path}}
        staleStatusByPartition(partitions: $days)
        assetPartitionStatuses {{... on TimePartitionStatuses {{{ranges}}}}}
        assetChecksOrError {{... on AssetChecks {{checks {{name partitionStatuses {{
        ... on AssetCheckTimePartitionStatuses {{{ranges}}}}}}}}}}}}}}}""",
        days=DAYS_BUILT,
        tables=[{"path": [table.table()]} for table in daily_tables()],
    )
    found: dict[str, list[tuple[str, str, str]]] = {}
    for node in answer["assetNodes"]:
        name = node["assetKey"]["path"][-1]
        shown = {name: node["assetPartitionStatuses"]} | {
            f"{name}:{check['name']}": check["partitionStatuses"]
            for check in node["assetChecksOrError"].get("checks", [])
            if check["partitionStatuses"]
        }
        for what, statuses in shown.items():
            found[what] = [(each["startKey"], each["endKey"], each["status"]) for each in statuses.get("ranges", [])]
        found[f"{name} is"] = [
            (day, day, status) for day, status in zip(DAYS_BUILT, node["staleStatusByPartition"], strict=True)
        ]
    return found


def test_a_run_that_fails_leaves_tables_checks_and_stale_marks_as_they_were(ui: Ui) -> None:
    """All days are built, fresh and judged; a table alone on a day without what it reads fails, and only that day says so."""
    before = states(ui)
    tables = [table.table() for table in daily_tables()]
    whole = [(DAYS_BUILT[0], DAYS_BUILT[-1])]
    for table in tables:
        assert [(first, last) for first, last, status in before[table] if status == "MATERIALIZED"] == whole
        assert before[f"{table} is"] == [(day, day, "FRESH") for day in DAYS_BUILT]
    checks = {name: ranges for name, ranges in before.items() if ":" in name}
    assert len(checks) > 20
    assert {status for ranges in checks.values() for *_, status in ranges} <= {"SUCCEEDED", "FAILED"}
    assert checks["engagement_scores:contract"] == [(*whole[0], "SUCCEEDED")]

    selector = {
        "repositoryLocationName": "engagement",
        "repositoryName": "__repository__",
        "jobName": "__ASSET_JOB",
        "assetSelection": [{"path": ["engagement_scores"]}],
    }
    tags = [{"key": "dagster/partition", "value": UNBUILT}]
    run = {"selector": selector, "mode": "default", "runConfigData": {}, "executionMetadata": {"tags": tags}}
    ui.query("mutation ($run: ExecutionParams!) {launchRun(executionParams: $run) {__typename}}", run=run)
    assert wait_for_run(ui, "__ASSET_JOB", "dagster/partition") == "FAILURE"
    after = states(ui)
    assert after.pop("engagement_scores") == [*before.pop("engagement_scores"), (UNBUILT, UNBUILT, "FAILED")]
    assert after == before
    # By its day: what follows a publication runs as jobs of chosen assets, too.
    steps = "query ($tags: [ExecutionTag!]) {runsOrError(filter: {tags: $tags}) {... on Runs {results {stepStats {stepKey}}}}}"
    (ran,) = ui.query(steps, tags=tags)["runsOrError"]["results"]
    assert {step["stepKey"] for step in ran["stepStats"]} <= {"engagement_scores", "monitor_engagement_scores"}


@pytest.mark.slow
def test_the_daemon_posts_an_alert_of_what_monitoring_found(ui: Ui) -> None:
    """A day that was never built is worth a warning of each check."""
    selector = {"repositoryLocationName": "engagement", "repositoryName": "__repository__", "jobName": "monitoring"}
    tags = [{"key": "dagster/partition", "value": UNBUILT}]
    run = {"selector": selector, "mode": "default", "runConfigData": {}, "executionMetadata": {"tags": tags}}
    ui.query("mutation ($run: ExecutionParams!) {launchRun(executionParams: $run) {__typename}}", run=run)
    end = time.monotonic() + 90
    while time.monotonic() < end and not any("monitoring" in message["text"] for message in ui.hook.messages):
        time.sleep(0.5)
    message = ui.hook.messages[-1]
    assert message["text"] == f"10 checks failed in a run of monitoring: {UNBUILT}"
    line = f"• engagement_scores, rule score_stability (warning) on {UNBUILT}: not judged: the day is not published"
    assert line in message["blocks"][1]["text"]["text"].splitlines()
