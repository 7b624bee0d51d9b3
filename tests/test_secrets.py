"""Secrets of a recipe and of --mirror: the training gets them, nothing that others read does."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from mrbench.record.rundir import RunDir, write_secrets
from mrbench.run.held import HeldFiles
from mrbench.text import without_secrets
from toy import commit_all, edit, make_suite, mrbench

WORD = "plain-but-secret-77"


@pytest.fixture
def toy(tmp_path: Path, git: Callable[..., str]) -> Path:
    """Make a toy that is given a token and prints it."""
    path = make_suite(tmp_path, git)
    train = tmp_path / "upstream" / "train.py"
    train.write_text("import os; print(os.environ['HUB_TOKEN'], flush=True)\n" + train.read_text())
    edit(path, git(tmp_path / "upstream", "rev-parse", "HEAD"), commit_all(tmp_path / "upstream"))
    return edit(path, "launch:\n", f"launch:\n  variables: {{HUB_TOKEN: {WORD}}}\n")


def test_the_training_alone_is_given_a_token(toy: Path, tmp_path: Path) -> None:
    looks = [mrbench("run", "--dry-run", "--recipe", toy, cwd=tmp_path)]
    assert "HUB_TOKEN: ***" in looks[0].stdout
    looks += [mrbench("prepare", "--recipe", toy, "--json", cwd=tmp_path)]
    looks += [mrbench("run", "--recipe", toy, "--json", cwd=tmp_path)]
    (run,) = (tmp_path / "runs").glob("*/*/*")
    looks += [mrbench(word, run, cwd=tmp_path) for word in ("show", "verify")]
    for done in looks:
        assert done.returncode == 0, done.stderr
        assert WORD not in done.stdout + done.stderr
    holding = {path.name for path in run.iterdir() if WORD in path.read_text()}
    assert holding == {"train.log", "secrets.json"}  # it printed it itself
    assert (run / "secrets.json").stat().st_mode & 0o077 == 0
    assert json.loads((run / "plan.json").read_text())["variables"] == {"HUB_TOKEN": "***"}
    archive = tmp_path / "run.tar.gz"
    assert mrbench("pack", run, "-o", archive, cwd=tmp_path).returncode == 0
    unpacked = subprocess.run(["tar", "xOzf", archive], capture_output=True, text=True, check=True)
    assert WORD not in unpacked.stdout


def test_they_are_known_to_pack_after_the_folder_was_removed(tmp_path: Path) -> None:
    folder = RunDir(tmp_path / "run")
    folder.path.mkdir()
    folder.log.touch()
    write_secrets(folder, {"HUB_TOKEN": WORD})
    held = HeldFiles(folder)
    held.take()
    shutil.rmtree(folder.path)
    held.restore("{}")
    held.close()
    assert WORD in folder.secrets.read_text()
    assert folder.secrets.stat().st_mode & 0o077 == 0


def test_a_plan_that_was_removed_alone_is_written_anew(tmp_path: Path) -> None:
    folder = RunDir(tmp_path / "run")
    folder.path.mkdir()
    folder.log.touch()
    held = HeldFiles(folder)
    held.take()
    assert held.restore('{"suite": "toy"}')[1] == (
        "the run's folder was removed while it trained, or parts of it; restored: plan.json",
    )
    assert held.restore("{}") == (folder, ())
    held.close()
    assert folder.plan.read_text() == '{"suite": "toy"}'


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("at https://h/?token=abc/owner/name.git", "at https://h/?token=***"),
        ("https://h/x?a=b&sig_token=abc&c=d", "https://h/x?a=b&sig_token=***&c=d"),
        ("https://me:pass@h/x", "https://***@h/x"),
        ("git@github.com:a/b, 3 ? no", "git@github.com:a/b, 3 ? no"),
    ],
)
def test_urls_are_shown_without_secrets(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


def test_a_token_of_the_mirror_is_told_nobody(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(toy, f"file://{tmp_path / 'upstream'}", "https://github.com/owner/toy")
    monkeypatch.setenv("GIT_TERMINAL_PROMPT", "0")
    mirror = f"https://127.0.0.1:9/?token={WORD}"
    done = mrbench("run", "--recipe", toy, "--mirror", mirror, "--json", cwd=tmp_path)
    assert done.returncode == 3
    assert WORD not in done.stdout + done.stderr
    assert "token=***" in done.stderr
    for folder, _, names in os.walk(tmp_path / "runs"):
        for name in names:
            if name != "secrets.json":
                assert WORD not in (Path(folder) / name).read_text()
