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
        parsed = parse_log(log, recipes={}, window=WINDOW, images_per_iteration=16)
        assert parsed.format == name
        assert "None" not in parsed.measurement.explanation


def test_an_epochs_table_whose_times_fall_row_by_row_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "results.csv"

    def measured(times: list[int]) -> float | None:
        rows = "".join(f"{i},{s},1.2\n" for i, s in enumerate(times, start=1))
        table.write_text(f"epoch,time,train/loss\n{rows}")
        parsed = parse_log(
            table, recipes={}, window=WINDOW, images_per_iteration=4, given={"every": 10}
        )
        return parsed.measurement.seconds_per_iteration

    resumed = [10 * i for i in range(1, 31)] + [10 * i for i in range(1, 31)]
    assert measured(resumed) == pytest.approx(1.0)
    with pytest.raises(MeasureError, match="falls row by row up to epoch 3"):
        measured(list(range(1000, 400, -10)))
