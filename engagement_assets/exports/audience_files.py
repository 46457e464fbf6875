"""The audiences as files for mail and advertising tools: per audience a CSV and a JSON Lines file of whom to contact today.

Held-out customers and those who have opted out by now are in no file. The table `campaign_audiences` has everybody.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engagement_assets.analysis.report import latest_day
from engagement_assets.domain.contracts import CampaignAudiences
from engagement_assets.exports.csv_files import spreadsheet_safe
from engagement_assets.exports.folders import made
from engagement_assets.exports.written import content_hash, record, recorded
from engagement_assets.lake.reading import opened
from engagement_assets.lake.stores import replacing
from engagement_assets.lake.tables import LakeResource
from engagement_assets.settings import Settings, local_path
from engagement_assets.sources.opt_outs import read_opt_outs

FOLDER = "audiences"

#: What a file says of a customer.
COLUMNS = ("as_of_date", "audience", "customer_id", "recommended_action", "evidence", "priority", "country")


@dataclass(frozen=True)
class AudienceFiles:
    """The files of an audience, and how many customers are in each."""

    audience: str
    csv: Path
    json_lines: Path
    customers: int


def contacts(
    settings: Settings, lake: LakeResource, day: str | None = None, audience: str | None = None
) -> tuple[str, list[dict[str, Any]]]:
    """The day (default: the latest) and whom to contact on it, by audience, the highest priority first.

    Raises NotPublishedError if the day is not built, OptOutListError if the opt-out list cannot be read.
    """
    opted_out = read_opt_outs(settings)
    chosen = latest_day(lake, CampaignAudiences, day)
    listed = ", ".join(f'"{name}"' for name in COLUMNS)
    with opened(lake, {CampaignAudiences: [chosen]}) as connection:
        found = connection.execute(
            f"SELECT {listed} FROM campaign_audiences WHERE is_to_contact AND ($audience IS NULL OR audience = $audience) "
            "ORDER BY audience, priority DESC, customer_id",
            {"audience": audience},
        ).fetchall()
    rows = (dict(zip(COLUMNS, row, strict=True)) for row in found)
    return chosen, [
        {**row, "as_of_date": row["as_of_date"].isoformat(), "priority": round(row["priority"], 2)}
        for row in rows
        if row["customer_id"] not in opted_out
    ]


def write_audiences(settings: Settings, lake: LakeResource, day: str | None = None) -> tuple[str, list[AudienceFiles]]:
    """Write the files of each audience of the settings, empty ones too; returns the day and the files.

    Files of audiences that are no longer in the settings are removed, unless somebody has changed them.
    """
    chosen, rows = contacts(settings, lake, day)
    folder = made(local_path(settings.export) / FOLDER)
    names = [rule.name for rule in settings.campaigns.audiences]
    written = []
    for audience in names:
        members = [row for row in rows if row["audience"] == audience]
        files = AudienceFiles(audience, folder / f"{audience}.csv", folder / f"{audience}.jsonl", len(members))
        table: list[Sequence[str]] = [COLUMNS, *([_cell(row[name]) for name in COLUMNS] for row in members)]
        _put(files.csv, (",".join(cells) for cells in table))
        _put(files.json_lines, (json.dumps(row, ensure_ascii=False) for row in members))
        written.append(files)
    ours = {
        place.name: content_hash(place.read_bytes()) for files in written for place in (files.csv, files.json_lines)
    }
    for name, hashed in recorded(folder).items():
        gone = folder / Path(name).name
        if name not in ours and gone.is_file() and content_hash(gone.read_bytes()) == hashed:
            gone.unlink()
    record(folder, ours)
    return chosen, written


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.2f}"
    text = spreadsheet_safe(str(value))
    return '"' + text.replace('"', '""') + '"' if any(sign in text for sign in ',"\r\n') else text


def _put(place: Path, lines: Iterable[str]) -> None:
    with replacing(place) as draft, draft.open("w", encoding="utf-8", newline="") as file:
        file.writelines(f"{line}\n" for line in lines)
