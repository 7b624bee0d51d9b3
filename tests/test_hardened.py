"""Inputs that hung, misled or told too much: each kind has its one line now."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from formats import FORMATS
from mrbench import cli, files
from mrbench.cli.sides import sides
from mrbench.errors import MeasureError, RecipeError
from mrbench.launch.executors.docker import KEEPER
from mrbench.launch.executors.docker.engine import began
from mrbench.measure.anylog import parse_log
from mrbench.model.inputs import Window
from mrbench.prepare.inherited import left_out
from mrbench.recipe import load
from mrbench.record.rundir import RunDir
from mrbench.run import training
from toy import edit, make_suite, mrbench
from waiting import SAFETY_S

WINDOW = Window(first=100, last=500)


@pytest.fixture
def toy(tmp_path: Path, git: Callable[..., str]) -> Path:
    return make_suite(tmp_path, git)


def test_only_files_and_standard_input_are_parsed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")  # nobody writes into it
    for path in (tmp_path / "pipe", "/dev/zero", tmp_path):
        done = mrbench("parse", path, cwd=tmp_path)
        assert done.returncode == 6
        assert done.stderr.startswith(f"mrbench: {path}: cannot be read as a log")
        assert len(done.stderr.splitlines()) == 1
    log = Path(__file__).with_name("logs") / "matterport-pipe.log.gz"
    words = [sys.executable, "-m", "mrbench", "parse", "-", "--window", "50:150"]
    with subprocess.Popen(["cat", log], stdout=subprocess.PIPE) as cat:
        done = subprocess.run(words, stdin=cat.stdout, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("matterport: "), done.stderr


@pytest.mark.parametrize("command", ['""', '[""]', '[" ", "train.py"]'])
def test_a_command_names_its_program(toy: Path, command: str) -> None:
    edit(toy, 'command: "{python} train.py 60 0.002"', f"command: {command}")
    with pytest.raises(RecipeError, match=r"toy\.yaml:\d+: launch\.command: "):
        load.load_path(toy)


def test_the_label_of_a_side_tells_no_token(toy: Path) -> None:
    values = [f"HUB_TOKEN={word}" for word in ("hidden-1", "hidden-2")]
    words = ["ab", "--recipe", str(toy), "--variable", values[0], "--variable", values[1]]
    old, new = sides(cli.parse(words))
    assert old.label == new.label == "HUB_TOKEN=***"
    assert values[0].endswith(old.file.recipe.launch.variables["HUB_TOKEN"])


def test_locks_are_kept_for_a_process_and_not_for_its_number() -> None:
    words = [sys.executable, "-I", "-S", "-c", KEEPER]
    with subprocess.Popen(["sleep", "1000"]) as process:
        pid, since = str(process.pid), str(began(process.pid))
        another = [*words, pid, str(int(since) - 1)]  # of the one that had this number before
        assert subprocess.run(another, timeout=SAFETY_S, check=False).returncode == 0
        with subprocess.Popen([*words, pid, since]) as keeper:
            time.sleep(0.3)
            assert keeper.poll() is None
            process.kill()
            process.wait()
            assert keeper.wait(SAFETY_S) == 0


def test_kept_files_are_bounded_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "MOST_KEPT_FILES", 3)
    (tmp_path / "output").mkdir()
    for number in range(5):
        (tmp_path / "output" / f"{number}.json").write_text("{}")
    plan = cast("Any", SimpleNamespace(log=SimpleNamespace(keep=("*.json",))))
    prepared = cast("Any", SimpleNamespace(folder=tmp_path))  # of a run, what this looks at
    keep = training._keep
    (note,) = keep(plan, prepared, RunDir(tmp_path / "run"))
    assert "and what follows were not kept (more than 3 files, 256 MiB together)" in note
    assert len(list((tmp_path / "run" / "kept").iterdir())) == 3


def test_cleanup_removes_what_was_being_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    folder = files.home() / "weights" / "net"
    folder.mkdir(parents=True)
    old, new, own = (folder / name for name in (".R-50.pkl.ab.part", ".new.cd.part", "R-50.pkl"))
    for path in (old, new, own):
        path.write_bytes(b"x")
    os.utime(old, (0, 0))
    os.utime(own, (0, 0))
    done = mrbench("cleanup", cwd=tmp_path)
    assert f"removed file {old}" in done.stdout
    assert sorted(folder.iterdir()) == sorted((new, own))


def test_a_compiler_that_does_not_reach_the_training_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CC", "clang")
    monkeypatch.setenv("CCACHE_DIR", "/cache")
    assert "CC" in left_out((), {})
    assert "CCACHE_DIR" not in left_out((), {})
    assert "CC" not in left_out(("CC",), {})


def test_a_log_that_prints_0_as_its_times_keeps_its_format(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    for name, render, _, _ in FORMATS:
        log.write_text("".join(render([1e-9] * 540, 16)))
        parsed = parse_log(log, recipes={}, window=WINDOW, work_per_iteration=16)
        assert parsed.format == name
        assert "None" not in parsed.measurement.explanation


def test_an_epochs_table_whose_times_fall_row_by_row_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "results.csv"

    def measured(times: list[int]) -> float | None:
        rows = "".join(f"{i},{s},1.2\n" for i, s in enumerate(times, start=1))
        table.write_text(f"epoch,time,train/loss\n{rows}")
        parsed = parse_log(
            table, recipes={}, window=WINDOW, work_per_iteration=4, given={"every": 10}
        )
        return parsed.measurement.seconds_per_iteration

    resumed = [10 * i for i in range(1, 51)] + [10 * i for i in range(1, 31)]
    assert measured(resumed) == pytest.approx(1.0)
    with pytest.raises(MeasureError, match="falls row by row up to epoch 3"):
        measured(list(range(1000, 400, -10)))


def test_links_that_lead_in_a_circle_are_files_that_cannot_be_read(
    toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = toy.parent / "loop"
    loop.symlink_to(loop)
    (toy.parent / "mine.lock").symlink_to(loop)
    for words, code in (
        (["run", "--dry-run", "--recipe", loop], 2),
        (["lock", "--recipe", loop], 2),
        (["check", "--recipe", loop], 7),
        (["run", "--recipe", toy, "--runs", loop], 4),
        (["show", "--runs", loop], 1),
    ):
        done = mrbench(*words, cwd=toy.parent)
        assert done.returncode == code, (words, done.stderr)
        assert loop.name in done.stderr + done.stdout
    monkeypatch.setenv("MRBENCH_HOME", str(loop))
    home = mrbench("run", "--recipe", toy, cwd=toy.parent)
    assert home.returncode == 4
    assert "is a link that leads nowhere" in home.stderr
    assert "set MRBENCH_HOME" in home.stderr


EVIL = "x\x1b[2J\nmrbench: all is well\u202e"  # as a file's name


def test_a_files_name_reaches_no_terminal_raw_and_makes_no_line(
    toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "1000")  # or a long path is wrapped, maybe right there
    folder = toy.parent / EVIL
    folder.mkdir()
    (folder / "a.json").write_text("")
    log = folder / "train.log"
    log.write_text("".join(f"step {i} loss 1.0 0.1 s/it\n" for i in range(10, 601, 10)))
    commit = ["--url", "https://example.org/x", "--commit", "0" * 40]
    for words in (
        ["show", folder / "a.json"],
        ["check", "--baseline", folder / "a.json"],
        ["run", "--recipe", toy, "--data", folder / "none"],
        ["run", "--recipe", folder / "none.yaml"],
        ["report", "-o", folder / "none" / "x.html"],
        ["table", "--runs", folder / "none"],
        ["runs", "--runs", folder / "none"],
        ["status", "--runs", folder / "none"],
        ["collect", "--runs", folder / "none"],
        ["baseline", "show", folder / "a.json"],
        ["data", "check", folder],
        ["mirror", "verify", folder],
        ["new", folder / "own.yaml", "--log", log, *commit],
    ):
        done = mrbench(*words, cwd=toy.parent)
        assert done.returncode in (0, 1, 2, 4, 7), done.stderr
        printed = done.stdout + done.stderr
        assert "\x1b" not in printed, words
        assert "\u202e" not in printed, words
        assert not [line for line in printed.splitlines() if line.startswith("mrbench: all")], words


def test_a_number_that_no_machine_can_hold_is_refused(toy: Path) -> None:
    for words in (
        ["run", "--recipe", toy, "--gpus", "9" * 400],
        ["run", "--recipe", toy, "--repeat", "9" * 12],
        ["parse", toy, "--work-per-iteration", "9" * 400],
        ["data", "synth", "x", "--size", "9" * 400 + "x9"],
    ):
        done = mrbench(*words, cwd=toy.parent)
        assert done.returncode == 2, done.stderr
        assert len(done.stderr) < 600  # not all of its digits


def test_a_recipe_holds_no_token(toy: Path) -> None:
    recipe = load.load_path(toy)
    url = recipe.recipe.source.url
    edit(toy, url, "https://example.org/x.git?access_token=hidden-1")
    with pytest.raises(RecipeError, match=r"source\.url: holds a token") as found:
        load.load_path(toy)
    assert "hidden-1" not in str(found.value)
