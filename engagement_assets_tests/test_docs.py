"""README.md and docs/*.md name files, tests, commands and settings that exist, and their links lead somewhere."""

from __future__ import annotations

import re

from typer.main import get_command

from engagement_assets.cli.app import app
from engagement_assets.domain.source_mapping import SourceMapping
from engagement_assets.settings import PREFIX, Settings
from engagement_assets_tests import PROJECT

PAGES = {
    page.relative_to(PROJECT).as_posix(): page.read_text(encoding="utf-8")
    for page in [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
}

#: Where a path may begin: the project, the package, its tests.
ROOTS = (PROJECT, PROJECT / "engagement_assets", PROJECT / "engagement_assets_tests")

#: A path begins with a folder of the project that is committed, or ends in `.py`. A test in it is named `path::name`.
PATH = re.compile(r"^((?:engagement_assets|engagement_assets_tests|docs|\.ci)/[\w./-]*|[\w./-]+\.py)(?:::(\w+))?$")

_BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def code(page: str) -> list[str]:
    """What a page shows as code: inline, and the lines of its blocks. `path` (new) is a file that a reader would make."""
    blocks = [line for block in _BLOCK.findall(PAGES[page]) for line in block.splitlines()]
    return re.findall(r"`([^`]+)`(?! \(new\))", _BLOCK.sub("", PAGES[page])) + blocks


def is_there(path: str, test: str | None = None) -> bool:
    """Whether a file or folder exists below one of the roots, and defines the test."""
    found = next((root / path for root in ROOTS if (root / path).exists()), None)
    return found is not None and (test is None or f"def {test}(" in found.read_text(encoding="utf-8"))


def test_paths_and_tests_exist() -> None:
    named = [(page, match) for page in PAGES for span in code(page) if (match := PATH.match(span))]
    assert len(named) > 50
    assert [(page, match[0]) for page, match in named if not is_there(match[1], match[2])] == []


def test_modules_exist() -> None:
    modules = [(page, name) for page in PAGES for name in re.findall(r"-m (engagement_[\w.]+)", "\n".join(code(page)))]
    assert [each for each in modules if not any(is_there(each[1].replace(".", "/") + end) for end in ("", ".py"))] == []


def test_commands_and_their_options_exist() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]
    options = {name: {each for one in command.params for each in one.opts} for name, command in commands.items()}
    wrong = []
    for page in PAGES:
        lines = "\n".join(line.split("#")[0] for line in code(page))
        for name, rest in re.findall(
            r"(?:^|bin/|&& |engagement )engagement ([a-z][\w-]*)([^|&\n]*)", lines, re.MULTILINE
        ):
            if not set(re.findall(r"--[a-z-]+", rest)) <= options.get(name, set()) or name not in options:
                wrong.append((page, name, rest))
    assert wrong == []


def test_make_targets_exist() -> None:
    targets = re.findall(r"^([a-z]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    named = {name for page in PAGES for name in re.findall(r"^make ([a-z]+)", "\n".join(code(page)), re.MULTILINE)}
    assert named - set(targets) == set()


def test_settings_exist() -> None:
    known = {f"{PREFIX}{name}".upper() for name in Settings.model_fields}
    named = {name for page in PAGES for name in re.findall(rf"\b{PREFIX}[A-Z_]*[A-Z](?![A-Z_…])", PAGES[page])}
    assert {name for name in named if name.split("__")[0] not in known} == set()


def test_links_lead_somewhere() -> None:
    links = [(page, link) for page, text in PAGES.items() for link in re.findall(r"\]\(([^)#]+)\)", text)]
    assert [
        (p, link) for p, link in links if "://" not in link and not (PROJECT / p).parent.joinpath(link).exists()
    ] == []


def test_the_index_lists_every_page() -> None:
    listed = re.findall(r"^\| \[(\w+\.md)\]", PAGES["docs/README.md"], re.MULTILINE)
    assert sorted(["README.md", "docs/README.md", *(f"docs/{name}" for name in listed)]) == sorted(PAGES)


def test_every_key_of_a_mapping_is_explained_as_the_model_has_it() -> None:
    table = PAGES["docs/own_data.md"].partition("| key of a source |")[2].partition("\n\n")[0]
    told = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", table, re.MULTILINE))
    assert told == {name: field.description for name, field in SourceMapping.model_fields.items()}


def test_every_ready_made_mapping_is_listed() -> None:
    listed = re.findall(r"\(sources/(\w+\.toml)\)", PAGES["docs/own_data.md"])
    assert sorted(listed) == sorted(place.name for place in (PROJECT / "docs" / "sources").iterdir())


def test_the_architecture_names_every_room_and_no_other() -> None:
    package = PROJECT / "engagement_assets"
    rooms = {f"{each.name}/" for each in package.iterdir() if (each / "__init__.py").exists()}
    rooms |= {each.name for each in package.glob("*.py") if each.name != "__init__.py"}
    table = PAGES["docs/architecture.md"].partition("| room |")[2].partition("\n\n")[0]
    assert {
        name for row in re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE) for name in re.findall(r"`([^`]+)`", row)
    } == rooms


def test_the_readme_is_read_in_three_minutes() -> None:
    assert len(PAGES["README.md"].splitlines()) <= 130
