"""The command line as people call it: exit codes, one sentence for each mistake, no traceback."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from engagement_assets.cli.app import app
from engagement_assets.settings import PREFIX
from engagement_assets_tests.worlds import SAMPLE_DATA, World

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def engagement(tmp_path: Path) -> Command:
    """Runs `engagement` in an empty folder of its own, with these environment variables beside its arguments."""

    def call(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "engagement_assets.cli", *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "DAGSTER_HOME": str(tmp_path / "home"), **environment},
            timeout=120,
            check=False,
        )

    return call


@pytest.fixture
def looking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs a command that only reads, in this process, because the imports of a new one take seconds."""

    def call(*arguments: str, **environment: str) -> Result:
        with monkeypatch.context() as patch:
            patch.chdir(tmp_path)
            for name, value in {"DAGSTER_HOME": str(tmp_path / "home"), **environment}.items():
                patch.setenv(name, value)
            return CliRunner().invoke(app, arguments)

    return call


def reading(world: World) -> dict[str, str]:
    """Environment variables by which the command line sees a world's tables."""
    settings = world.settings
    return {f"{PREFIX}LAKE": settings.lake, f"{PREFIX}EXPORT": settings.export, f"{PREFIX}DATA": settings.data}


@pytest.mark.parametrize(
    ("arguments", "environment", "sentence"),
    [
        (["run", "--date", "2026-02-30"], {}, "'2026-02-30' is no date; write it as YYYY-MM-DD"),
        (["run", "--date", "../../x"], {}, "'../../x' is no date"),
        (["run", "--date", "2020-01-01"], {}, "before the first partition, 2025-01-01; ENGAGEMENT_START_DATE moves it"),
        (["run", "--date", "2999-01-01"], {}, "2999-01-01 is not over yet; the latest partition is"),
        (
            ["run", "--from", "2026-01-02", "--to", "2026-01-01"],
            {},
            "begins on 2026-01-02, after its end on 2026-01-01",
        ),
        (["run", "--from", "2026-01-02"], {}, "a range needs both --from and --to"),
        (["show", "customer_score"], {}, "there is no table 'customer_score'; the tables are raw_customers"),
        (["show", "engagement_scores"], {}, "nothing is published yet; build it with `engagement run`"),
        (["export", "--date", "2026-01-01"], {}, "no snapshot is published yet"),
        (["calibrate"], {}, "nothing is published yet"),
        (["settings"], {"ENGAGEMENT_ENGINE": "sparky"}, "ENGAGEMENT_ENGINE: 'sparky' is no engine; use embedded"),
        (
            ["settings"],
            {"ENGAGEMENT_ENGINE": "sc://host:443/;token=abc"},
            "put the token into SPARK_CONNECT_AUTHENTICATE_TOKEN",
        ),
        (["settings"], {"ENGAGEMENT_TIMEZONE": "Mars/Base"}, "ENGAGEMENT_TIMEZONE: 'Mars/Base' is no IANA time zone"),
        (["settings"], {"ENGAGEMENT_TIMEZONE": "localtime"}, "ENGAGEMENT_TIMEZONE: 'localtime' is no IANA time zone"),
        (
            ["show", "sessions"],
            {"ENGAGEMENT_LAKE": "/x[1]/lake"},
            "ENGAGEMENT_LAKE: /x[1]/lake has [ and ] in it, which",
        ),
        (
            ["run"],
            {"ENGAGEMENT_LAKE": "/p%20q"},
            "ENGAGEMENT_LAKE: /p%20q has % in it, which engines take for a pattern",
        ),
        (["run"], {"DAGSTER_HOME": "/x[1]"}, "the Dagster home /x[1] has [ and ] in its path"),
        (["settings"], {"ENGAGEMENT_SCORING__RECENCY_WEIGHT": "0.5"}, "must be 1, not 1.1"),
        (["settings"], {"ENGAGEMENT_SCORING__LOW_THRESHOLD": "0.9"}, "thresholds must rise"),
        (["sample", "--from", "2026-02-01", "--to-date", "2026-01-01"], {}, "the last day"),
    ],
)
def test_a_mistake_is_answered_by_a_sentence_and_an_exit_code(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    environment: dict[str, str],
    sentence: str,
) -> None:
    """In this process, because the imports of a new one take seconds."""
    monkeypatch.chdir(tmp_path)
    for name, value in {"DAGSTER_HOME": str(tmp_path / "home"), **environment}.items():
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code in (1, 2)
    assert sentence in done.stderr
    assert "Traceback" not in done.output


def test_apache_spark_without_java_is_one_clear_sentence(engagement: Command) -> None:
    done = engagement(
        "run",
        "--date",
        "2025-01-01",
        ENGAGEMENT_ENGINE="local[2]",
        ENGAGEMENT_DATA=str(SAMPLE_DATA),
        JAVA_HOME="/nowhere",
        PATH="/nowhere",
    )
    assert done.returncode == 1
    assert "Apache Spark needs Java 17 or newer, and none was found: install it and set JAVA_HOME" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_that_finds_no_customers_says_where_it_looked_and_leaves_the_tables_alone(
    engagement: Command, tmp_path: Path, sample_world: World
) -> None:
    before = sample_world.rows("raw_customers", "2026-06-30")
    elsewhere = {**reading(sample_world), f"{PREFIX}DATA": str(tmp_path / "not" / "mounted")}
    done = engagement("run", "--date", "2026-06-30", **elsewhere)
    assert done.returncode == 1
    assert "there is no file that ends in .parquet, .csv," in done.stderr
    assert f" in {tmp_path / 'not' / 'mounted'}/customers, and 2 file(s) were read before" in done.stderr
    assert sample_world.rows("raw_customers", "2026-06-30") == before


def test_run_builds_a_day_of_generated_data_and_says_what_it_found(
    engagement: Command, looking: Callable[..., Result], tmp_path: Path
) -> None:
    """From nothing: generate, run a day in the middle on a fresh lake, look at it in three ways. Names of places are strange."""
    strange = tmp_path / "a b #é'$&;,"
    places = {f"{PREFIX}DATA": str(tmp_path / "data"), f"{PREFIX}START_DATE": "2026-02-01"}
    places |= {f"{PREFIX}LAKE": str(strange / "lake"), f"{PREFIX}EXPORT": str(strange / "x[red] %20?*{}")}
    places |= {"DAGSTER_HOME": str(strange / "home")}
    made = engagement("sample", "--to", "data", "--customers", "40", "--from", "2026-02-01", "--to-date", "2026-03-31")
    assert made.returncode == 0, made.stderr
    done = engagement("run", "--date", "2026-03-10", **places)
    assert done.returncode == 0, done.stderr
    assert "Customers as of 2026-03-10" in done.stdout
    shown = looking("show", "engagement_metrics", **places)
    assert re.search(r"as_of_date +2026-03-10", shown.stdout)
    customers = int(re.search(r"customers +(\d+)", shown.stdout)[1])  # type: ignore[index]
    assert f"CSV files for BI tools, and a Power BI project over them: {places[f'{PREFIX}EXPORT']}\n" in done.stdout
    with Path(places[f"{PREFIX}EXPORT"], "engagement_scores.csv").open(newline="") as stream:
        assert len(list(csv.DictReader(stream))) == customers
    refused = looking("show", "engagement_scores", "--date", "2026-03-11", **places)
    assert refused.exit_code != 0
    assert "2026-03-11; build them: `engagement run" in refused.stderr


def test_show_calibrate_and_settings_of_the_sample_data(
    engagement: Command, looking: Callable[..., Result], sample_world: World
) -> None:
    places = reading(sample_world)
    shown = engagement(
        "show", "engagement_scores", "--date", "2025-12-15", "--limit", "3", "--columns", "customer_id", **places
    )
    assert [line.strip() for line in shown.stdout.splitlines()[1:4]] == ["C0000001", "C0000002", "C0000003"]
    proposed = looking("calibrate", **places, ENGAGEMENT_MONITORING__SEGMENT_MOST_SHARE="0.3")
    segments = [row["engagement_segment"] for row in sample_world.rows("engagement_scores", "2026-06-30")]
    ((largest, held),) = Counter(segments).most_common(1)
    assert f"{largest} holds {held / len(segments):.1%} of the customers" in proposed.stdout
    assert "ENGAGEMENT_SCORING__ORDER_SCALE=log1p" in proposed.stdout
    # There are web events.
    assert "SESSION_WEIGHT=0" not in proposed.stdout
    assert "export ENGAGEMENT_SCORING__REFERENCE_REVENUE__LOW=0 " in proposed.stdout
    summary = looking("summary", **places)
    assert "Customers as of 2026-06-30 (16 snapshot(s) published)" in summary.stdout
    slipping = [row for row in sample_world.rows("engagement_scores", "2026-06-30") if row["is_slipping"]]
    assert f"{len(slipping)} customers are slipping and can still be saved" in summary.stdout
    assert max(slipping, key=lambda row: row["revenue_last_365_days"])["slipping_reasons"] in summary.stdout
    settings = looking("settings", **places)
    assert sample_world.settings.lake in settings.stdout


def test_doctor_says_what_works_here(engagement: Command, sample_world: World) -> None:
    done = engagement("doctor", **reading(sample_world))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "engine embedded" in done.stdout
    assert "starts and computes" in done.stdout
    assert "16 snapshot(s) from 2025-02-20 to 2026-06-30" in done.stdout


def test_results_say_what_each_arm_did_and_a_plan_says_whom_to_hold_out(
    looking: Callable[..., Result], sample_world: World
) -> None:
    told = looking("results", "--audience", "save_slipping", **reading(sample_world)).output
    (row,) = [row for row in sample_world.rows("campaign_results", "2026-06-30") if row["audience"] == "save_slipping"]
    assert f"{row['horizon_days']} days: {row['verdict']}" in told
    assert f"{row['treated']} treated, {row['treated_share']:.1%} ordered against {row['held_out']} held out" in told
    assert "days have no audiences published" in told  # only those from the 17th of June on are
    unknown = looking("results", "--audience", "nobody", **reading(sample_world))
    assert (unknown.exit_code, "is no audience; there are abandoned_cart" in unknown.stderr) == (1, True)
    plan = looking("holdout", "--audience", "save_slipping", "--uplift", "2", "--horizon", "7", **reading(sample_world))
    assert plan.exit_code == 0, plan.stderr
    assert "No share is enough" in plan.output
    assert looking("holdout", "--audience", "save_slipping", "--uplift", "0", **reading(sample_world)).exit_code == 2
