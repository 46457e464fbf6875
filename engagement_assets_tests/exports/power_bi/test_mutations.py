"""Each class of breakage is noticed: the project is broken in one way at a time, and its judge has to object."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engagement_assets_tests import PROJECT
from engagement_assets_tests.exports.power_bi import judges
from engagement_assets_tests.exports.power_bi.cross_reference import faults
from engagement_assets_tests.exports.power_bi.mutations import CROSS, DAX, MUTATIONS, QUERY, VALIDATOR, Mutation
from engagement_assets_tests.exports.power_bi.reading import read_model


def of(*judges: str) -> list[Mutation]:
    return [mutation for mutation in MUTATIONS if mutation.judge in judges]


def named(mutation: Mutation) -> str:
    return mutation.name


@pytest.fixture
def broken(request: pytest.FixtureRequest, project: Path, tmp_path: Path) -> Path:
    """The project with the mutation of the test."""
    mutation: Mutation = request.param
    copy = tmp_path / "project"
    shutil.copytree(project, copy)
    mutation.apply(copy)
    return copy


@pytest.mark.parametrize("broken", of(CROSS), indirect=True, ids=named)
def test_the_cross_reference_objects(broken: Path, sample_export: Path) -> None:
    assert faults(broken, sample_export) != []


@pytest.mark.parametrize("broken", of(DAX), indirect=True, ids=named)
def test_the_dax_parser_objects(broken: Path) -> None:
    assert any(not judges.is_dax(dax) for _, _, dax in read_model(broken).measures())


def test_the_document_counts_them() -> None:
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS)
    text = (PROJECT / "docs" / "power_bi.md").read_text(encoding="utf-8")
    assert f"A project broken in {len(MUTATIONS)} ways, one at a time, is objected to each time." in " ".join(
        text.split()
    )


@pytest.mark.usefixtures("node")
def test_the_validators_object(project: Path, tmp_path: Path) -> None:
    """All of them in one process: each start of Node costs half a second."""
    reports: dict[Path, str] = {}
    queries: dict[str, str] = {}
    for mutation in of(VALIDATOR, QUERY):
        copy = tmp_path / mutation.name.replace(" ", "-")
        shutil.copytree(project, copy)
        mutation.apply(copy)
        if mutation.judge == VALIDATOR:
            reports[copy / "Engagement.Report"] = mutation.name
        else:
            model = read_model(copy)
            texts = {table.name: table.query for table in model.tables} | model.expressions
            queries |= {f"{mutation.name}: {name}": text for name, text in texts.items()}
    found, parsed = judges.validated(reports, queries)
    assert [reports[report] for report, objections in found.items() if not objections] == []
    for mutation in of(QUERY):
        assert any(objections for name, objections in parsed.items() if name.startswith(f"{mutation.name}: "))
