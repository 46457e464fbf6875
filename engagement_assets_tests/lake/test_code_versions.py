"""Code versions: they change with the code and the settings that a table's rows depend on, with those of no other table."""

from __future__ import annotations

import ast
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from engagement_assets.domain.campaign_policy import CampaignPolicy
from engagement_assets.domain.catalogue import CATALOGUE
from engagement_assets.domain.results_policy import ResultsPolicy
from engagement_assets.domain.scoring_policy import ScoringPolicy
from engagement_assets.lake import code_hash
from engagement_assets.lake.code_versions import SAME_ROWS, code_of, code_version
from engagement_assets.settings import Settings

#: The tables whose rows the scores are among.
SCORED = {
    *("engagement_scores", "engagement_metrics", "segment_changes", "campaign_audiences", "campaign_results"),
    "score_backtest",
}

Change = Callable[[str, str, str], set[str]]


def versions(settings: Settings) -> dict[str, str]:
    return {contract.table(): code_version(settings, contract) for contract in CATALOGUE}


def changed_by(settings: Settings) -> set[str]:
    before, after = versions(Settings()), versions(settings)
    return {table for table in before if before[table] != after[table]}


@pytest.fixture
def change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Change:
    """Replaces a text in a file of the package's copy, and says whose hash that changed."""
    copy = tmp_path / "engagement_assets"
    shutil.copytree(Path(code_hash.__file__).parents[1], copy, ignore=shutil.ignore_patterns("__pycache__", "assets"))

    def hashes() -> dict[str, str]:
        code_hash.code_hash.cache_clear()
        code_hash._read.cache_clear()
        return {contract.table(): code_of(contract) for contract in CATALOGUE}

    def change(file: str, old: str, new: str) -> set[str]:
        with monkeypatch.context() as patched:
            patched.setattr(code_hash, "_PACKAGE", copy)
            before = hashes()
            text = (copy / file).read_text(encoding="utf-8")
            assert old in text
            (copy / file).write_text(text.replace(old, new, 1), encoding="utf-8")
            after = hashes()
        hashes()
        return {table for table in before if before[table] != after[table]}

    return change


def test_a_weight_changes_the_scores_and_what_is_built_from_them_only() -> None:
    policy = ScoringPolicy(recency_weight=0.5, monetary_weight=0.2)
    assert changed_by(Settings(scoring=policy)) == SCORED


def test_the_gap_of_sessions_changes_the_sessions_and_what_is_built_from_them_only() -> None:
    policy = ScoringPolicy(session_gap_minutes=20)
    assert changed_by(Settings(scoring=policy)) == {"sessions", "customer_features", *SCORED}


def test_an_audience_changes_the_audiences_and_their_results_only() -> None:
    changed = changed_by(Settings(campaigns=CampaignPolicy(holdout_share=0.2)))
    assert changed == {"campaign_audiences", "campaign_results"}
    assert changed_by(Settings(results=ResultsPolicy(horizons=(7,)))) == {"campaign_results"}


def test_the_time_zone_changes_all() -> None:
    assert changed_by(Settings(timezone="Europe/Berlin")) == {contract.table() for contract in CATALOGUE}


def test_a_comment_a_docstring_and_the_layout_change_nothing(change: Change) -> None:
    file = "transforms/sessions.py"
    text = (Path(code_hash.__file__).parents[1] / file).read_text(encoding="utf-8")
    docstring = text.split('"""')[1]
    assert change(file, docstring, "Other words.") == set()
    assert change(file, "\n\n\n", "\n\n# A comment.\n\n") == set()


def test_a_statement_changes_the_tables_that_use_it_only(change: Change) -> None:
    assert change("transforms/sessions.py", " > ", " >= ") == {"sessions"}
    assert change("transforms/lifecycle.py", ">=", ">") == {"engagement_scores", "segment_changes"}
    assert change("sources/orders.py", "10**12", "10**11") == {"raw_orders"}
    assert change("sources/deduplicating.py", " == ", " != ") == {
        *("raw_customers", "raw_orders", "raw_web_events", "raw_contacts")
    }


def test_the_hash_of_a_text_is_the_same_in_every_python() -> None:
    text = (
        "async def f(a, /, *b: int, c=1, **d) -> None:\n"
        "    '''Words.'''\n"
        "    x = f'{a!r:>{c}.1f} and {b}' 'more' f'{{d}}'\n"
        "    with open(x) as y, z:\n        return [i async for i in y if (n := i) and not -1.5e3 < n <= 2]\n"
        "@decorated\nclass A(B, metaclass=C):\n    e: tuple[int, ...] = (None, True, b'x', 1j, ...)\n"
        "try:\n    lambda *g: g[1:2, ::3]\nexcept (D, E) as error:\n    raise F from error\n"
    )
    found = hashlib.sha256(code_hash.normal_form(ast.parse(text)).encode()).hexdigest()[:12]
    assert found == "1179165c27f5"


def test_code_that_gives_the_rows_of_the_earlier_release_keeps_its_version() -> None:
    """Fails when code was changed: take the entries out of SAME_ROWS, or put the new hash in where the rows are the same."""
    settings = Settings()
    # The second part is the fingerprint of that release's scoring policy.
    old = f"3-1606d5e6fba2-UTC-{settings.start_date}"
    assert {table: versions(settings)[table] for table in SAME_ROWS} == dict.fromkeys(SAME_ROWS, old)
