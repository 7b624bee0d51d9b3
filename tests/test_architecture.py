"""The shape of the code: imports point down the rooms, and what may be imported where, and late."""

import ast
import functools
import graphlib
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "mrbench"
# The rooms from the top floor down, and below them the modules that all rooms use. Programs,
# which nothing imports, stand above.
FLOORS = (
    *("cli", "api", "checks", "results", "run", "record", "doctor", "launch", "prepare"),
    *("recipe", "measure", "console", "model", "embedded"),
    *("locks", "files", "errors", "text", "__init__"),
)
MOST_LINES = 400
MOST_PACKAGES, MOST_LOOSE_MODULES = 13, 5  # beside __init__ and __main__
# Imports within functions; each says beside it why, after `noqa: PLC0415 - `.
MOST_LATE_IMPORTS = 60
# A library has one door, where its exceptions are translated.
DOORS = {
    "argcomplete": "cli.commands.completion",
    "docker": "launch.executors.docker",
    "git": "prepare.source",
    "jinja2": "results.report.page",
    "PIL": "prepare.data",
    "plotext": "results.report.terminal",
    "pynvml": "launch.gpus",
    "requests": "launch.executors.docker",
    "rich": "console",
    "tabulate": "results.table.markup",
    "uv": "prepare.environment",
    "yaml": "recipe.yamlfile",
}
# Programs that are started by their path, where nothing but Python's own library is found.
ALONE = ("mrbench.prepare.shim", "mrbench.run.slurm.watch")


class Import(NamedTuple):
    """One imported name; late: within a function."""

    module: str
    line: int
    target: str
    late: bool


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


# The implementations in embedded/ are repositories of their own.
MODULES = {name_of(p): p for p in sorted(PACKAGE.rglob("*.py")) if p.parts[-3] != "embedded"}


@functools.cache
def imports() -> list[Import]:
    return [found for module, path in MODULES.items() for found in imports_of(module, path)]


def imports_of(module: str, path: Path) -> list[Import]:
    tree = ast.parse(path.read_text())
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    inside = {id(node) for function in functions for node in ast.walk(function)}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}:{node.lineno}: import by the full name"
            whole = str(node.module)
            names = [f"{whole}.{alias.name}" for alias in node.names]
            targets = [name if name in MODULES else whole for name in names]
        else:
            continue
        found += [
            Import(module, node.lineno, t, id(node) in inside) for t in dict.fromkeys(targets)
        ]
    return found


def where(found: Import) -> str:
    return f"{MODULES[found.module].relative_to(ROOT)}:{found.line} imports {found.target}"


def floor(module: str) -> int:
    if module.endswith(".__main__"):  # a program: nothing imports it
        return 0
    room = (*module.split("."), "__init__")[1]
    assert room in FLOORS, f"{room} has no floor; give it one in FLOORS"
    return FLOORS.index(room)


def within(module: str, prefix: str) -> bool:
    return f"{module}.".startswith(f"{prefix}.")


def test_imports_only_point_down() -> None:
    own = [found for found in imports() if found.target in MODULES]
    up = [found for found in own if floor(found.module) > floor(found.target)]
    assert [where(found) for found in up] == []


def test_no_modules_import_in_a_circle() -> None:
    graph: dict[str, set[str]] = {module: set() for module in MODULES}
    for found in imports():
        if found.target in MODULES and found.target != found.module:
            graph[found.module].add(found.target)
    circle = None
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as exc:
        circle = exc.args[1]
    assert circle is None


def test_the_top_level_is_a_few_rooms() -> None:
    packages = [p.name for p in PACKAGE.iterdir() if (p / "__init__.py").exists()]
    loose = [p.stem for p in PACKAGE.glob("*.py") if not p.stem.startswith("__")]
    assert len(packages) <= MOST_PACKAGES, packages
    assert len(loose) <= MOST_LOOSE_MODULES, loose


def test_files_stay_small() -> None:
    lines = {module: len(path.read_text().splitlines()) for module, path in MODULES.items()}
    assert {module: count for module, count in lines.items() if count > MOST_LINES} == {}


def test_few_imports_are_late() -> None:
    late = {(found.module, found.line): where(found) for found in imports() if found.late}
    assert len(late) <= MOST_LATE_IMPORTS, "\n".join(late.values())
    lines = {module: path.read_text().splitlines() for module, path in MODULES.items()}
    unreasoned = [text for (m, n), text in late.items() if "PLC0415 - " not in lines[m][n - 1]]
    assert unreasoned == []


def test_a_library_has_one_door() -> None:
    assert [
        where(found)
        for found in imports()
        if (door := DOORS.get(found.target.partition(".")[0]))
        and not within(found.module, f"mrbench.{door}")
    ] == []


def test_programs_started_by_their_path_need_nothing_installed() -> None:
    assert [
        where(found)
        for found in imports()
        for program in ALONE
        if within(found.module, program)
        and not within(found.target, program)
        and found.target.partition(".")[0] not in sys.stdlib_module_names
    ] == []


HEAVY = (
    *("yaml", "git", "psutil", "pynvml", "rich", "tabulate", "PIL", "uv"),
    *("jinja2", "plotext", "msgspec"),
)


@pytest.mark.parametrize(
    ("words", "heavy"),
    [(["--version"], {*HEAVY, "subprocess"}), (["run", "--help"], {*HEAVY})],
)
def test_the_first_words_load_nothing_heavy(words: list[str], heavy: set[str]) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "mrbench", *words]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    loaded = {line.rpartition("|")[2].strip() for line in said.splitlines()}
    assert "mrbench.cli" in loaded
    assert loaded & heavy == set()
