"""The audience files: what somebody keeps beside them stays."""

from __future__ import annotations

from pathlib import Path

from engagement_assets.exports.audience_files import write_audiences
from engagement_assets_tests.worlds import World


def test_files_of_an_audience_that_is_gone_are_removed_unless_somebody_has_changed_them(
    sample_world: World, tmp_path: Path
) -> None:
    settings = sample_world.settings.model_copy(update={"export": str(tmp_path)})
    _, written = write_audiences(settings, sample_world.lake)
    gone, changed = written[0], written[1]
    folder = gone.csv.parent
    own = [folder / "mine.csv", folder / "mine.jsonl"]
    for place in own:
        place.write_bytes(gone.csv.read_bytes())
    changed.csv.write_text("my list")
    fewer = settings.campaigns.model_copy(
        update={
            "audiences": [
                rule for rule in settings.campaigns.audiences if rule.name not in (gone.audience, changed.audience)
            ]
        }
    )
    write_audiences(settings.model_copy(update={"campaigns": fewer}), sample_world.lake)
    assert (gone.csv.exists(), gone.json_lines.exists(), changed.json_lines.exists()) == (False, False, False)
    assert changed.csv.read_text() == "my list"
    assert all(place.exists() for place in (*own, written[2].csv))
