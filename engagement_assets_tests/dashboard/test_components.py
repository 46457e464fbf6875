"""Key figures: what is as usual has no colour and says so, and a rise may be less than usual."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engagement_assets.dashboard import formats
from engagement_assets.dashboard.components import KeyFigure, figure_cards
from engagement_assets.dashboard.questions import key_figures, usual_changes
from engagement_assets.dashboard.state import parse
from engagement_assets.dashboard.warehouse import Catalogue, Warehouse
from engagement_assets.domain.contracts import EngagementScores
from engagement_assets.lake.tables import LakeResource
from engagement_assets.settings import Settings
from engagement_assets_tests.dashboard.lakes import publish
from engagement_assets_tests.worlds import World

FIGURE = KeyFigure("Slipping", "slipping_customers", formats.count, "slipping_customers", "down")


VIEW = parse("date=2025-03-08&compare=2025-03-01", Catalogue(("2025-03-01", "2025-03-08"), ()))


def told(warehouse: Warehouse, now: float, before: float, usual: tuple[float, float] | None) -> tuple[str, str]:
    """The mood of the change on a card, and its words."""
    ranges = {} if usual is None else {"slipping_customers": usual}
    card = figure_cards(
        warehouse, (FIGURE,), {"slipping_customers": now}, {"slipping_customers": before}, VIEW, ranges
    ).children[0]
    changed, note = card.children[-1].children
    return changed.className.removeprefix("change "), "".join(
        part if isinstance(part, str) else part.children for part in note.children
    )


@pytest.mark.parametrize(
    ("now", "before", "usual", "expected"),
    [
        (60, 50, (-12.0, 12.0), ("same", "as usual since 2025-03-01")),
        (70, 50, (-12.0, 12.0), ("worse", "more than usual since 2025-03-01")),
        (30, 50, (-12.0, 12.0), ("better", "less than usual since 2025-03-01")),
        (55, 50, (8.0, 12.0), ("better", "less than usual since 2025-03-01")),  # it rises every time, now by less
        (55, 50, None, ("worse", "worse since 2025-03-01")),
        (1001, 1000, None, ("same", "since 2025-03-01")),
        (1001, 1000, (-0.5, 0.5), ("same", "as usual since 2025-03-01")),
        (50, 50, (-1.0, 1.0), ("same", "since 2025-03-01")),
    ],
)
def test_only_what_is_beyond_the_usual_is_better_or_worse(
    tmp_path: Path, now: float, before: float, usual: tuple[float, float] | None, expected: tuple[str, str]
) -> None:
    assert told(Warehouse(Settings(lake=str(tmp_path))), now, before, usual) == expected


def test_the_usual_is_what_changed_in_as_many_days_before(sample_world: World, tmp_path: Path) -> None:
    """Forty days of which each has one customer more or two fewer than that before, in turns of five."""
    (source,) = sample_world.lake.files(EngagementScores, ["2026-06-30"])
    table = pq.ParquetFile(source).read()
    first = date(2025, 3, 1)
    sizes = [300 + (n % 5) * 10 - n for n in range(40)]
    files: dict[str, Path] = {}
    for n, size in enumerate(sizes):
        day = first + timedelta(days=n)
        rows: Any = table.slice(0, size)
        column = rows.schema.get_field_index("as_of_date")
        rows = rows.set_column(column, "as_of_date", pa.array([day] * size, pa.date32()))
        files[day.isoformat()] = tmp_path / f"{n}.parquet"
        pq.write_table(rows, files[day.isoformat()])
    lake = LakeResource(root=str(tmp_path / "lake"))
    publish(lake, EngagementScores, files)
    warehouse = Warehouse(Settings(lake=lake.root))
    compared = (first + timedelta(days=35)).isoformat()
    nobody: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]] = ((), (), ())
    assert key_figures(warehouse, compared, nobody)["customers"] == sizes[35]
    changes = [sizes[n] - sizes[n - 3] for n in range(3, 36)]
    expected = (mean(changes) - 2 * stdev(changes), mean(changes) + 2 * stdev(changes))
    assert usual_changes(warehouse, compared, 3, nobody)["customers"] == pytest.approx(expected)
    # Fewer than fourteen changes tell nothing.
    assert usual_changes(warehouse, (first + timedelta(days=15)).isoformat(), 3, nobody) == {}
