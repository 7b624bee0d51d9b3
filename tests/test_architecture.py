"""The shape of the code: imports only point down, files stay small, heavy doors open late."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "mrbench"
# from the bottom up; a semicolon ends a layer
LAYOUT = """
    errors model home student slow leaves checked overview examples;
    interval drift suites masking provenance;
    outcome wording mirrored;
    clockface usage;
    yamlfile interpreter steps gitobjects standby nvml workers;
    recipe rundir skim workspace environment embedded layout weights synth coconames places scratch
    machine locks stamps logs measure evidence stated validity failure footnotes scaling shim slurm
    parsers console schema;
    executors foreign;
    plan checks datacheck preflight preparation judge rows archive;
    telemetry progress cooldown handover completion;
    record show;
    reporters;
    launch collect;
    run prepare doctor parse dryrun relock mirror verify node submission follow;
    pack compare batch check table;
    report;
    waiting gate;
    commands cli __main__
"""
LAYERS = [set(layer.split()) for layer in LAYOUT.split(";")]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
# what may import a sibling: a package its own modules, and these pairs that were cut from one file
SIBLINGS = {
    ("cli", "commands"),
    ("__main__", "cli"),
    ("checks", "plan"),
    ("preflight", "plan"),
    ("preflight", "checks"),
    ("preparation", "plan"),
    ("judge", "plan"),
    ("archive", "show"),
    ("workspace", "embedded"),  # one more kind of upstream
    ("synth", "coconames"),
    ("synth", "places"),  # the number of the drawing is part of the cache's names
    ("weights", "locks"),
    ("failure", "logs"),  # it reads a log again, behind the last mark
}
MAX_LINES = 250


def modules() -> list[Path]:
    return [p for p in sorted(PACKAGE.rglob("*.py")) if "minimask" not in p.parts]


def top(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "mrbench":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mrbench."):
            found.add((node.module or "").split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {a.name.split(".")[1] for a in node.names if a.name.startswith("mrbench.")}
    return found - {"__version__"}


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_only_point_down(path: Path) -> None:
    me = top(path)
    if me == "__init__":
        assert not imported(path)
        return
    assert me in LEVEL, f"{me} has no layer; give it one"
    for other in imported(path) - {me}:
        below = LEVEL[other] < LEVEL[me]
        assert below or (me, other) in SIBLINGS, f"{me} may not import {other}"


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_files_stay_small_and_say_what_they_are(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= MAX_LINES
    assert ast.get_docstring(ast.parse(text))


def test_the_version_loads_nothing_heavy() -> None:
    probe = "import sys; from mrbench import cli; cli.make_parser(''); print(*sys.modules)"
    command = [sys.executable, "-c", probe]
    loaded = set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    heavy = {"yaml", "git", "psutil", "pynvml", "rich", "tabulate", "PIL", "uv", "subprocess"}
    heavy |= {"jinja2", "plotext", "plotly"}
    assert not loaded & heavy
