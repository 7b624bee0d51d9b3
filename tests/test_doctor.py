"""`mrbench doctor` says beforehand, on one screen, what `mrbench run` would meet."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mrbench.cli.commands.doctor import GROUPS
from mrbench.doctor.preflight import REFUSING
from needs import skip_without
from toy import edit, make_suite, mrbench

COLUMNS, LINES = 80, 40
GROUP_NAMES = ["machine", "tools", "GPUs", "storage", "recipes"]


@pytest.fixture
def toy(tmp_path: Path, git: Callable[..., str]) -> Path:
    return make_suite(tmp_path, git)


def test_a_machine_that_will_do(toy: Path, tmp_path: Path) -> None:
    done = mrbench("doctor", "--recipe", toy, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "mrbench doctor: can a run of toy (suite toys) start here?"
    assert lines[-1].startswith("A run would start; ")
    assert [line for line in lines if line in GROUP_NAMES] == GROUP_NAMES
    assert not list(tmp_path.glob("mrbench-home/*")), "it looks, and makes nothing"
    assert not (tmp_path / "runs").exists()


def test_json_tells_the_same(toy: Path, tmp_path: Path) -> None:
    edit(toy, "log:\n", "data: {layout: any, needs: [train2017]}\nlog:\n")
    done = mrbench("doctor", "--recipe", toy, "--json", cwd=tmp_path)
    assert done.returncode == 4
    told = json.loads(done.stdout)
    assert told["refused"] is True
    assert (told["suites"], told["implementations"]) == (["toys"], ["toy"])
    assert list(told["groups"]) == GROUP_NAMES
    (data,) = (f for f in told["groups"]["recipes"] if f["topic"] == "data")
    assert {name: data[name] for name in data if data[name]} == {
        "subject": "recipes",
        "topic": "data",
        "outcome": "failed",
        "text": "needs data (train2017)",
        "remedy": "name the folder with --data DIR",
        "implementations": ["toy"],
    }
    shown = mrbench("doctor", "--recipe", toy, cwd=tmp_path).stdout
    for found in told["groups"].values():
        for finding in found:
            assert finding["topic"] in shown
    assert "-> name the folder with --data DIR" in shown


def test_doctor_and_run_agree(tmp_path: Path) -> None:
    """All that refuses a run is said by both, in the same words; nothing else failed."""
    told = json.loads(mrbench("doctor", "--json", "--weights", ".", cwd=tmp_path).stdout)
    missing = [f for found in told["groups"].values() for f in found if f["outcome"] == "failed"]
    refused = mrbench("run", "--weights", ".", cwd=tmp_path)
    said = sorted(line[2:] for line in refused.stderr.splitlines() if line.startswith("  "))
    assert said == sorted(
        f"{', '.join(f['implementations'])}: {f['text']}; {f['remedy']}" for f in missing
    )
    assert len(said) > 2


def test_doctor_makes_every_check_that_can_refuse() -> None:
    assert set(REFUSING) <= {check for checks in GROUPS.values() for check in checks}


def test_the_options_of_run_are_minded(toy: Path, tmp_path: Path) -> None:
    edit(toy, "log:\n", "data: {layout: any, needs: [train2017]}\nlog:\n")
    (tmp_path / "coco" / "train2017").mkdir(parents=True)
    assert mrbench("doctor", "--recipe", toy, "--data", "coco", cwd=tmp_path).returncode == 0
    done = mrbench("doctor", "--recipe", toy, "--data", "nowhere", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (4, "")
    assert mrbench("doctor", "--impl", "tensorpack", "--gpus", 3, cwd=tmp_path).returncode == 2


def test_a_suite_names_whom_a_finding_concerns(toy: Path, tmp_path: Path) -> None:
    second = toy.with_name("second.yaml")
    second.write_text(toy.read_text())
    edit(second, "log:\n", "data: {layout: any, needs: [train2017]}\nlog:\n")
    shown = mrbench("doctor", "--recipe", toy, second, cwd=tmp_path).stdout
    assert "[second]" in shown
    assert "[toy, second]" not in shown, "what concerns all names nobody"


@pytest.mark.parametrize("name", ["detectron2", "tensorpack", "mmdetection"])
def test_it_fits_on_one_screen(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setenv("MRBENCH_HOME", "/tmp/m")  # noqa: S108 - a short path, as users have; only looked at
    shown = mrbench("doctor", "--impl", name, "--runs", "/tmp/r", cwd=tmp_path).stdout  # noqa: S108 - the same
    lines = shown.splitlines()
    assert max(map(len, lines)) <= COLUMNS
    assert len(lines) <= LINES
    assert "\x1b" not in shown, "no colour for a pipe"


@pytest.mark.parametrize(("encoding", "sign"), [("utf-8", "\u2713"), ("ascii", "+")])
def test_marks_are_words_in_any_encoding(
    toy: Path, tmp_path: Path, encoding: str, sign: str
) -> None:
    folder = tmp_path / "d\u00e4ta"
    folder.mkdir()
    command = [sys.executable, "-m", "mrbench", "doctor", "--recipe", str(toy), "--runs"]
    done = subprocess.run(
        [*command, str(folder)],
        env={**os.environ, "PYTHONIOENCODING": encoding},
        cwd=tmp_path,
        capture_output=True,
        encoding=encoding,
        check=True,
    )
    assert f"{sign} ok     git" in done.stdout
    assert ("\u00e4" in done.stdout) == (encoding == "utf-8")


def test_a_terminal_gets_colour_and_the_same_words(toy: Path, tmp_path: Path) -> None:
    skip_without("terminal")
    inside = f"stty cols 80 rows 40; exec {sys.executable} -m mrbench doctor --recipe {toy}"
    done = subprocess.run(
        ["script", "-qec", inside, "/dev/null"],
        env={**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "\x1b[32mok" in done.stdout
    assert "A run would start" in done.stdout
