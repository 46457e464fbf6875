"""Judges from outside: Microsoft's report validator and Power Query parser in one Node process, a DAX parser."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock
from pbi_parsers.dax import to_ast

FOLDER = Path(__file__).parent / "validators"
INSTALLED = FOLDER / "node_modules"

#: What the report validator asks for.
OLDEST_NODE = 20

_SECONDS = 120


def absent() -> str | None:
    """What is missing for the validators that need Node; None if they can run. Installs them at their first use."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return f"Node {OLDEST_NODE} or newer with npm"
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.removeprefix("v").split(".")[0]) < OLDEST_NODE:
        return f"Node {OLDEST_NODE} or newer (this is {version})"
    lock = FOLDER / "package-lock.json"
    mark = INSTALLED / ".installed"
    with FileLock(Path(tempfile.gettempdir()) / "engagement-power-bi-validators.lock"):
        if mark.exists() and mark.read_bytes() == lock.read_bytes():
            return None
        done = subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=FOLDER,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        if done.returncode:
            return f"the validators' packages ({done.stderr.strip().splitlines()[-1:]})"
        mark.write_bytes(lock.read_bytes())
    return None


def validated(
    reports: Iterable[Path], queries: Mapping[str, str]
) -> tuple[dict[Path, list[str]], dict[str, list[str]]]:
    """Errors and warnings of each report (folder of a `.Report`), and what is wrong with each Power Query text."""
    asked = {"reports": [str(report) for report in reports], "queries": dict(queries)}
    done = subprocess.run(
        ["node", "check.mjs"],
        cwd=FOLDER,
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return {Path(report): found for report, found in answer["reports"].items()}, answer["queries"]


def is_dax(text: str) -> bool:
    """Whether a text is a DAX expression, to its end."""
    try:
        return to_ast(text) is not None
    except (AssertionError, ValueError, IndexError):
        return False
