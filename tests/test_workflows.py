"""The workflows and the pre-commit hook are valid, and the hook does what it says."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from checkworld import World
from mrbench.cli import command_names

ROOT = Path(__file__).parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
BIN = Path(sys.executable).parent
SCHEMA = ("--builtin-schema", "vendor.github-workflows")  # comes with the package
Git = Callable[..., str]


def run(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*map(str, words)], cwd=cwd, capture_output=True, text=True, check=False, timeout=600
    )


def test_the_workflows_are_valid() -> None:
    done = run(BIN / "check-jsonschema", *SCHEMA, *WORKFLOWS, cwd=ROOT)
    assert done.returncode == 0, done.stdout


def test_a_wrong_workflow_would_be_told(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(WORKFLOWS[0].read_text().replace("runs-on:", "run-on:", 1))
    done = run(BIN / "check-jsonschema", *SCHEMA, wrong, cwd=tmp_path)
    assert done.returncode == 1
    assert "run-on" in done.stdout


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_and_may_only_read(path: Path) -> None:
    text = path.read_text()
    uses = re.findall(r"uses: (\S+)(.*)", text)
    assert uses
    for action, comment in uses:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action
    assert yaml.safe_load(text)["permissions"] == {"contents": "read"}
    jobs = yaml.safe_load(text)["jobs"].values()
    assert all("timeout-minutes" in job and "permissions" not in job for job in jobs)


def test_no_pull_request_reaches_a_machine_of_ones_own() -> None:
    for path in WORKFLOWS:
        whole = yaml.safe_load(path.read_text())
        labels = [label for job in whole["jobs"].values() for label in _list(job["runs-on"])]
        events = whole[True]  # YAML 1.1 reads `on` so
        assert "self-hosted" not in labels or not {"pull_request", "push"} & set(events)


def _list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def test_every_command_in_the_workflows_is_known() -> None:
    text = "".join(path.read_text() for path in WORKFLOWS)
    named = set(re.findall(r"(?:run: |^ +)mrbench ([a-z]+)", text, re.MULTILINE))
    assert named
    assert named <= set(command_names())


def test_the_hook_is_valid() -> None:
    done = run(BIN / "pre-commit", "validate-manifest", ".pre-commit-hooks.yaml", cwd=ROOT)
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory, git: Git) -> Path:
    """Return this repository, as it stands, as a repository of hooks: tracked or not ignored."""
    folder = tmp_path_factory.mktemp("hooks")
    listed = git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "-z")
    for name in filter(None, listed.split("\0")):
        if not name.startswith("tests/") and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    git(folder, "init", "-q")
    git(folder, "add", "--all")
    git(folder, "commit", "-qm", "mrbench")
    return folder


@pytest.fixture(scope="module")
def pre_commit_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder into which pre-commit installs the hook, once for all tests."""
    return tmp_path_factory.mktemp("pre-commit")


@pytest.fixture
def config(hooks: Path, pre_commit_home: Path, git: Git, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return what .pre-commit-config.yaml says to use the hook."""
    monkeypatch.setenv("PRE_COMMIT_HOME", str(pre_commit_home))
    commit = git(hooks, "rev-parse", "HEAD")
    repo = {"repo": str(hooks), "rev": commit, "hooks": [{"id": "mrbench-check"}]}
    return yaml.safe_dump({"repos": [repo]})


def test_pre_commit_runs_the_hook_on_recipes(config: str, tmp_path: Path, git: Git) -> None:
    """A real pre-commit: it installs mrbench from the repository, and runs it."""
    world = World(tmp_path, git)
    (world.base / ".pre-commit-config.yaml").write_text(config)
    git(world.base, "init", "-q")
    git(world.base, "add", "--all")
    git(world.base, "commit", "-qm", "a suite of mine")
    command = (BIN / "pre-commit", "run", "--all-files", "--verbose")
    good = run(*command, cwd=world.base)
    line = world.change(world.recipe, "timing:", "timnig:")
    bad = run(*command, cwd=world.base)
    assert good.returncode == 0, good.stdout + good.stderr
    assert "1600 img/s" in good.stdout
    assert bad.returncode == 1
    told = " ".join(bad.stdout.split())
    assert f"recipes/toys/toy.yaml:{line}:" in told
    assert "did you mean 'timing'?" in told


def test_the_readme_shows_what_hook_and_annotation_say(
    config: str, tmp_path: Path, git: Git
) -> None:
    """A branch instead of detectron2's commit, committed with the hook installed."""
    shutil.copytree(ROOT / "recipes", tmp_path / "recipes")
    shutil.copytree(ROOT / "patches", tmp_path / "patches")
    path = tmp_path / "recipes" / "2019" / "detectron2.yaml"
    path.write_text(re.sub(r"(?m)^  commit: \w+$", "  commit: main", path.read_text()))
    (tmp_path / ".pre-commit-config.yaml").write_text(config)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", path, ".pre-commit-config.yaml")
    hook = run(BIN / "pre-commit", "run", cwd=tmp_path)
    words = ("check", "--recipe", path.relative_to(tmp_path), "--format", "github")
    annotated = run(BIN / "mrbench", *words, cwd=tmp_path)
    assert (hook.returncode, annotated.returncode) == (1, 7), hook.stdout + hook.stderr
    page = (ROOT / "docs" / "ci.md").read_text()
    shown = hook.stdout.partition("check mrbench recipes")
    assert f"{shown[1]}{shown[2]}".strip() in page
    assert annotated.stdout.strip() in page
