"""The hash of a function's code: of its module, and of the modules of the transforms and the domain that it is computed with.

Modules are read as text, not imported. Comments, docstrings and the layout of a text are left out, and a syntax tree is written
down in a form of its own, because that of `ast.dump` differs from one Python to the next.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).parents[1]

#: Where what computes rows lives: imports from elsewhere are not followed.
_ROOMS = ("engagement_assets.transforms.", "engagement_assets.domain.", "engagement_assets.analysis.backtest.")

#: Policies and mappings count by the values in force, and contracts hold the wording of their columns.
_LEFT_OUT = (
    *("contracts", "catalogue", "meanings"),
    *("scoring_policy", "campaign_policy", "monitoring_policy", "results_policy", "source_mapping"),
)

#: Fields of a syntax tree that do not change what it does.
_SILENT = {"ctx", "kind", "type_comment", "type_ignores"}

#: Fields of statements that hold statements.
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


@cache
def code_hash(function: str, *modules: str) -> str:
    """Twelve hexadecimal digits that change with the code of a function (dotted name), and of more modules."""
    found: dict[str, str] = {}
    ahead = [function.rsplit(".", 1)[0], *modules]
    while ahead:
        module = ahead.pop()
        if module not in found and (path := _path(module)) is not None:
            found[module], imported = _read(path)
            ahead += [name for name in imported if name.startswith(_ROOMS) and not _is_left_out(name)]
    text = "\n".join(f"{module}: {code}" for module, code in sorted(found.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _path(module: str) -> Path | None:
    """The file of a module; None for a name that is none, such as that of a function."""
    place = _PACKAGE.joinpath(*module.split(".")[1:])
    return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()), None)


@cache
def _read(path: Path) -> tuple[str, list[str]]:
    """The code of a file in its normal form, and what it imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return normal_form(tree), list(_imported(tree))


def _is_left_out(module: str) -> bool:
    return module.startswith(_ROOMS[1]) and module.split(".")[2] in _LEFT_OUT


def _imported(tree: ast.Module) -> Iterator[str]:
    """The dotted names that a module imports, and what may be a module in a package that it imports from."""
    for statement in _statements(tree.body):
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.module:
            yield statement.module
            yield from (f"{statement.module}.{alias.name}" for alias in statement.names)


def _statements(block: list[Any]) -> Iterator[Any]:
    """The statements of a block, and those within them. A whole walk of the tree takes ten times as long."""
    for statement in block:
        yield statement
        for name in _BLOCKS:
            yield from _statements(getattr(statement, name, []))


@cache
def _fields(kind: type[ast.AST]) -> list[str]:
    return [name for name in kind._fields if name not in _SILENT]


def normal_form(node: Any) -> str:
    """A syntax tree as text that is the same in every Python, without docstrings and other texts that stand by themselves."""
    kind = node.__class__
    if kind is ast.Constant:
        return repr(node.value)
    parts = []
    for name in _fields(kind):
        value = getattr(node, name, None)
        if isinstance(value, list):
            kept = [
                normal_form(each) if isinstance(each, ast.AST) else repr(each) for each in value if not _is_text(each)
            ]
            text = f"[{','.join(kept)}]" if kept else ""
        elif isinstance(value, ast.AST):
            text = normal_form(value)
        else:
            text = "" if value is None else repr(value)
        # What is empty is left out: later Pythons have fields that earlier ones lack.
        if text:
            parts.append(f"{name}={text}")
    return f"{kind.__name__}({','.join(parts)})"


def _is_text(node: object) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
