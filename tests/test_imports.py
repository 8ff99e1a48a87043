"""The folder line is the process line, imports point one way, and each heavy dependency has one owner."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "grader").rglob("*.py"))

# In the order of the path: a module imports only what stands before it. The report package only renders.
ORDER = [
    "signals", "records", "errors", "formulas", "yamlfile", "rubric", "lateness", "adjustments", "marking", "generator",
    "owndata", "task", "notebook", "unzip", "naming", "nofollow", "beside", "attempts", "clone", "gradescope", "downloads",
    "roster",
    "intake",
    "frames", "handover", "incoming", "nursery", "cgroup", "evidence", "conversation", "standby", "turns", "cards", "seats",
    "sandbox", "fresh", "portable", "weights", "picture", "evaluate", "stacked", "evaluating", "sharing", "device", "ledger",
    "pipeline", "ladder", "opening", "batch", "seal", "parcels", "outpost", "fleet", "cluster", "doctor",
]  # fmt: skip
OWNERS = {
    "pynvml": {"grader.cards"},
    "yaml": {"grader.yamlfile", "grader.gradescope"},
    "sqlite3": {"grader.ledger"},
    "ray": {"grader.fleet"},
    "cryptography": {"grader.seal"},
    "jinja2": {"grader.report.html"},
    "nbformat": set(),  # the tests alone: it expands hostile notebooks without bounds
    "typer": {
        f"grader.cli.{name}"
        for name in (
            "manners",
            "options",
            "checking",
            "grading",
            "kits",
            "ladder",
            "program",
            "remarking",
            "exporting",
            "similarity",
        )
    },
    "pygments": {"grader.similarity.tokens"},
    "rich": {"grader.cli.terminal", "grader.cli.steps", "grader.cli.similarity"},
    "safetensors": {"grader.task", "grader.owndata"},
}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def imported(path: Path) -> frozenset[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            if node.module in ("grader", "grader.inside", "grader.report"):
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(found)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_inside_is_imported_by_nobody_and_imports_only_formulas(path: Path) -> None:
    ours = {name for name in imported(path) if name.startswith("grader.")}
    if name_of(path).startswith("grader.inside"):
        assert {name for name in ours if not name.startswith("grader.inside")} <= {
            "grader.formulas",
            "grader.formulas.PARAMETER_SHAPES",
        }
    else:
        assert not any(name.startswith("grader.inside") for name in ours)


@pytest.mark.parametrize("path", [path for path in MODULES if path.parent.name == "grader"], ids=name_of)
def test_imports_point_backwards_along_the_path(path: Path) -> None:
    own = name_of(path).removeprefix("grader").lstrip(".")
    if not own:
        return  # the package itself holds a docstring and the version
    for name in imported(path):
        module = name.removeprefix("grader.").partition(".")[0]
        if name.startswith("grader.") and module in ORDER:
            assert ORDER.index(module) < ORDER.index(own), f"{own} imports {module}"


def test_every_module_stands_in_the_order() -> None:
    assert {path.stem for path in (ROOT / "grader").glob("*.py")} - {"__init__"} == set(ORDER)


@pytest.mark.parametrize("package", OWNERS)
def test_a_heavy_dependency_has_one_owner(package: str) -> None:
    users = {name_of(path) for path in MODULES if any(n == package or n.startswith(f"{package}.") for n in imported(path))}
    assert users == OWNERS[package]


def test_the_grader_never_compiles_or_unpickles() -> None:
    """Nothing outside grader/inside may turn a student's bytes into code or objects."""
    for path in MODULES:
        if name_of(path).startswith("grader.inside"):
            continue
        tree = ast.parse(path.read_text())
        called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
        assert not called & {"eval", "exec", "compile", "__import__"}, path
        assert not imported(path) & {"pickle", "marshal", "shelve", "multiprocessing", "importlib.util", "ast", "runpy"}, path


def test_only_the_command_line_prints_and_exits() -> None:
    for path in MODULES:
        names = {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
        assert "print" not in names or name_of(path).startswith("grader.cli."), path


def test_the_evaluators_process_needs_nothing_but_numpy_and_torch() -> None:
    """It starts on the way of every batch that uses a GPU, and whatever it imports could fail there."""
    code = "import sys; import grader.evaluating; sys.exit(bool({'pydantic', 'yaml', 'grader.rubric'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0


def test_the_command_line_starts_without_torch() -> None:
    """It takes seconds to import, and most commands never need it, or need it while a nursery imports it too."""
    code = "import sys; import grader.cli.program; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
