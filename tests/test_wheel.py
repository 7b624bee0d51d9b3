"""Installed from its wheel, outside the checkout, mrbench finds its recipes and patches."""

import json
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with the source distribution, and with the wheel that is made of it."""
    folder = tmp_path_factory.mktemp("built")
    command = [sys.executable, "-m", "build", "--installer", "uv", "-o", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (path,) = built.glob("*.whl")
    return path


def test_the_source_distribution_is_enough_to_work_on_mrbench(built: Path) -> None:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"CONTRIBUTING.md", "Makefile", "pyproject.toml", "tests/conftest.py"} <= names
    assert {"mkdocs.yml", "docs/number.md", "CITATION.cff"} <= names


def test_the_wheel_holds_recipes_patches_and_minimask(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for wanted in ("recipes", "patches", "mrbench/embedded/minimask"):
        for path in (ROOT / wanted).rglob("*"):
            if path.is_file() and path.suffix in (".yaml", ".patch", ".py", ".md"):
                inside = path.relative_to(ROOT).as_posix()
                assert inside.removeprefix("mrbench/") in {
                    n.removeprefix("mrbench/") for n in names
                }
    assert "mrbench/measure/mfu/peaks.toml" in names
    assert "mrbench/py.typed" in names  # or type checkers do not read its types
    assert {"mrbench/Dockerfile", "mrbench/launch/executors/docker/docker_install.sh"} <= names
    assert {f"mrbench/results/report/page.{suffix}" for suffix in ("html", "css", "js")} <= names
    assert {
        f"mrbench/results/report/plotly/{n}" for n in ("plotly-basic.min.js", "LICENSE")
    } <= names
    assert not [n for n in names if "__pycache__" in n or n.startswith("docs/")]


def test_the_demo_is_planned_and_all_is_checked_from_an_empty_folder(
    wheel: Path, tmp_path: Path
) -> None:
    from uv import find_uv_bin

    uv, venv = find_uv_bin(), tmp_path / "venv"
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(venv)], check=True)
    install = [uv, "pip", "install", "-q", "--python", f"{venv}/bin/python", str(wheel)]
    subprocess.run(install, check=True)
    empty = tmp_path / "empty"
    empty.mkdir()
    variables = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    command = [f"{venv}/bin/mrbench", "run", "--suite", "demo", "--dry-run", "--json"]
    done = subprocess.run(
        command, cwd=empty, env=variables, capture_output=True, text=True, check=True
    )
    (plan,) = json.loads(done.stdout)
    assert plan["implementation"] == "minimask"
    assert len(plan["patches"]) == 1
    command = [f"{venv}/bin/mrbench", "check", "--json"]
    done = subprocess.run(
        command, cwd=empty, env=variables, capture_output=True, text=True, check=True
    )
    checks = json.loads(done.stdout)["checks"]
    skipped = {
        (c["topic"], c["text"].partition(",")[0]) for c in checks if c["outcome"] == "not checked"
    }
    assert {name for name, _ in skipped} == {"sample", "upstreams"}
    assert ("sample", "mrbench is installed here without its tests") in skipped
    assert {c["outcome"] for c in checks} == {"ok", "not checked"}
    assert not list(empty.iterdir())
    for words in (
        ["new", "own.yaml", "--from", "demo/minimask"],
        ["run", "--recipe", "own.yaml", "--dry-run"],
    ):
        command = [f"{venv}/bin/mrbench", *words]
        subprocess.run(command, cwd=empty, env=variables, capture_output=True, check=True)
