"""A Dagster home that cannot be used is told in one sentence that names the setting and what to do."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
import yaml
from dagster._core.instance.ref import InstanceRef

from engagement_assets.operations.dagster_home import LOCAL_INSTANCE, DagsterHomeError, local_instance
from engagement_assets_tests import PROJECT


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home that was opened once."""
    place = tmp_path / "a home #1"
    monkeypatch.setenv("DAGSTER_HOME", str(place))
    with local_instance() as instance:
        instance.get_runs_count()
    yield place
    os.environ["DAGSTER_HOME"] = str(place)  # opening sets it


def look(instance: dg.DagsterInstance) -> None:
    """Nothing is there, or was, in either database."""
    assert (instance.get_runs_count(), instance.all_asset_keys()) == (0, [])


def overwritten(place: Path) -> None:
    with place.open("r+b") as stream:
        stream.write(b"x" * 64)


def pages_lost(place: Path) -> None:
    with closing(sqlite3.connect(place)) as opened:  # all of it in one file
        opened.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with place.open("r+b") as stream:
        stream.seek(4096)
        stream.write(os.urandom(20 * 4096))


@pytest.mark.parametrize("damage", [overwritten, pages_lost])
@pytest.mark.parametrize("name", ["history/runs.db", "history/runs/index.db"])
def test_a_damaged_database_is_named_and_can_be_moved_away(
    home: Path, damage: Callable[[Path], None], name: str
) -> None:
    damage(home / name)
    with pytest.raises(DagsterHomeError) as told, local_instance() as instance:
        look(instance)
    assert str(told.value).startswith(f"the Dagster home (DAGSTER_HOME) is damaged: {home / name}. Move it away")
    for place in (home / name).parent.glob(f"{(home / name).name}*"):
        place.unlink()
    with local_instance() as instance:
        look(instance)


def test_a_locked_database_is_told(home: Path) -> None:
    with pytest.raises(DagsterHomeError, match=r"\(DAGSTER_HOME\); run again when it has ended"), local_instance():
        raise sqlite3.OperationalError("database is locked")


def test_settings_that_dagster_cannot_read_are_told(home: Path) -> None:
    for text in (": [", "runz: 1"):
        (home / "dagster.yaml").write_text(text)
        with (
            pytest.raises(DagsterHomeError, match=r"dagster\.yaml is not what Dagster can read") as told,
            local_instance(),
        ):
            pass
        assert "\n" not in str(told.value)


@pytest.mark.parametrize("name", ["p%20q", "x[1]", "who?", "all*"])
def test_a_path_that_dagster_takes_for_something_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / name))
    with pytest.raises(DagsterHomeError, match="set DAGSTER_HOME to a folder without any of"), local_instance():
        pass
    assert not (tmp_path / name).exists()


def test_a_home_that_is_a_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").write_text("")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    with (
        pytest.raises(DagsterHomeError, match=r"cannot be written .*; set DAGSTER_HOME to a folder of yours"),
        local_instance(),
    ):
        pass


def test_plain_dagster_dev_in_a_clone_has_the_runs_of_the_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `dagster dev` opens its instance where no home is set: a folder that it removes, and the settings of this one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DAGSTER_HOME")
    settings = (PROJECT / "dagster.yaml").read_text(encoding="utf-8")
    (tmp_path / "dagster.yaml").write_text(settings, encoding="utf-8")
    given, of_home = yaml.safe_load(settings), yaml.safe_load(LOCAL_INSTANCE)
    assert given.pop("event_log_storage")["class"] == of_home.pop("event_log_storage")["class"]
    assert {name: given[name] for name in of_home} == of_home

    def opened(folder: str) -> dg.DagsterInstance:
        (tmp_path / folder).mkdir()
        return dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(tmp_path / folder), config_dir=str(tmp_path)))

    with opened("first") as instance:
        instance.create_run_for_job(dg.job(name="a_job")(lambda: None))
    with opened("second") as instance:
        (run,) = instance.get_runs()
    with local_instance() as instance:
        assert instance.root_directory == str(tmp_path / ".dagster_home")
        assert [each.run_id for each in instance.get_runs()] == [run.run_id]
    assert list((tmp_path / "first").iterdir()) == list((tmp_path / "second").iterdir()) == []
