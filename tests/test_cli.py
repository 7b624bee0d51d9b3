"""Bad input gets one clear line and the exit code of its kind; never a traceback."""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mrbench import cli
from mrbench.errors import MrbenchError
from toy import edit, make_suite, mrbench


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["run", "--suite", "2018"], 2, "no suite is called '2018'; did you mean '2019'?"),
        (["run", "--impl", "detectron3"], 2, "did you mean 'detectron"),
        (["run", "--gpus", "0"], 2, "give at least 1"),
        (["run", "--impl", "tensorpack", "--gpus", "3"], 2, "1, 2, 4 or a multiple of 8"),
        (["run", "--impl", "detectron2", "--commit", "abc"], 2, "not a commit of 40 hex digits"),
        (["run", "--window", "500:100"], 2, "give A:B with A < B"),
        (["run", "--recipe", "gone.yaml"], 2, "gone.yaml: cannot be read"),
        (["run", "--data", "nowhere"], 4, "--data nowhere: no such folder"),
        (["run", "--impl", "detectron2"], 4, "8 GPUs wanted"),
        (["run", "--impl", "detectron2", "--weights", "."], 4, "weights"),
        (["run", "--impl", "detectron2"], 4, "--data DIR"),
        (["run", "--image", "x"], 2, "--image is for --executor docker; add that"),
        (["run", "--base-image", "x"], 2, "--base-image is for --executor docker"),
        (["run", "--nodes", "2"], 2, "--nodes is for --executor slurm"),
        (["run", "--executor", "docker", "--detach"], 2, "--detach is for --executor slurm"),
        (
            ["run", "--executor", "slurm", "--wait-until-quiet"],
            2,
            "is for --executor local or docker",
        ),
        (["table"], 1, "no such folder of runs; `mrbench run --suite demo`"),
        (["table", "--suite", "nope"], 2, "no suite is called"),
        (["show", "nope"], 1, "no run 'nope'"),
        (["parse", "gone.log"], 6, "gone.log"),
    ],
)
def test_one_line_with_a_remedy(words: list[str], code: int, message: str, tmp_path: Path) -> None:
    done = mrbench(*words, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert done.stderr.startswith("mrbench: ")
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("mrbench-home/repos")), "refused before anything is cloned"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the log is empty"),
        (b"nothing here\n" * 400, "no line is of a format that mrbench knows"),
        (bytes(range(256)) * 400, "holds zero bytes, as no text log does"),
    ],
)
def test_a_log_without_iterations_is_told_so(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "x.log").write_bytes(content)
    done = mrbench("parse", "x.log", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (6, "")
    assert message in done.stdout
    assert "img/s" not in done.stdout


def test_all_that_is_missing_is_told_at_once(tmp_path: Path) -> None:
    told = mrbench("run", "--weights", ".", cwd=tmp_path).stderr
    for word in ("detectron2", "matterport", "GPUs wanted", "weights", "--data DIR"):
        assert word in told


def test_no_command_prints_help(tmp_path: Path) -> None:
    done = mrbench(cwd=tmp_path)
    assert done.returncode == 2
    assert "run" in done.stdout


def test_list_names_suites_and_recipes(tmp_path: Path) -> None:
    shown = mrbench("list", cwd=tmp_path).stdout
    for word in ("2019", "demo", "minimask", "detectron2", "d01c8617dc88"):
        assert word in shown


def test_a_disk_that_is_full_is_one_line(tmp_path: Path, git: Callable[..., str]) -> None:
    toy = make_suite(tmp_path, git)
    # no file of more than 4 KiB: writing beyond it fails as on a full disk, for the child too
    script = f"ulimit -f 4; trap '' XFSZ; exec {sys.executable} -m mrbench run --recipe {toy}"
    edit(toy, "60 0.002", "60 0.002 " + "x" * 9000)
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode not in (0, 70)
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) >= 1


@pytest.mark.parametrize("command", ["list", "schema", "list --json"])
def test_output_that_found_no_room_is_an_error(command: str, tmp_path: Path) -> None:
    script = f"{sys.executable} -m mrbench {command} > /dev/full"
    variables = {n: v for n, v in os.environ.items() if n != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    told = "mrbench: No space left on device; free space there, or choose another place\n"
    assert (done.returncode, done.stderr) == (1, told)


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams_are_no_bug(closed: str, tmp_path: Path) -> None:
    script = f"{sys.executable} -m mrbench list {closed}"
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_pipe_that_closes_is_no_error(tmp_path: Path) -> None:
    script = f"{sys.executable} -m mrbench schema | head -n 1"
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""


@pytest.mark.parametrize(
    "line",
    [
        "list --json",
        "status --json",
        "table --json --runs {kept}",
        "table smoke --format json --runs {kept}",
        "baseline save kept.json smoke --json --runs {kept}",
        "prepare demo --checkout-only --json",
        "data synth drawn --images 2 --json",
        "new mine.yaml --command x --json",
        "pack smoke/detectron2/20261125T101200Z-d3d87a44 --runs {kept} -o run.tar.gz --json",
        "report smoke --runs {kept} --json",
    ],
)
def test_with_json_stdout_has_nothing_else(tmp_path: Path, line: str) -> None:
    kept = Path(__file__).parent / "kept"
    done = mrbench(*line.format(kept=kept).split(), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) is not None


def test_all_that_prints_for_people_prints_json_too() -> None:
    lacking = {
        parser.prog
        for name in cli.command_names()
        for parser in _innermost(cli.make_parser(name))
        if "--json" not in parser.format_help()
    }
    # a schema is JSON, and a shell's program is for the shell
    assert lacking == {"mrbench schema", "mrbench completion"}


def _innermost(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    """Return the parsers of commands that do something: actions, and commands without any."""
    actions = [a.choices for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    inner = [found for choices in actions for one in choices.values() for found in _innermost(one)]
    return inner or [parser]


def test_every_error_ends_with_a_code_that_the_help_explains(tmp_path: Path) -> None:
    told = mrbench("help", "exit-codes", cwd=tmp_path).stdout
    codes = {int(line.split()[0]) for line in told.splitlines()}
    waiting = [MrbenchError]
    while waiting:
        error = waiting.pop()
        assert error.exit_code in codes, error
        waiting += error.__subclasses__()


def test_help_and_version_have_short_ways(tmp_path: Path) -> None:
    def said(*words: str) -> str:
        return mrbench(*words, cwd=tmp_path).stdout

    assert said("help", "baseline", "save") == said("baseline", "save", "--help") != ""
    assert said("help") == said("--help") != ""
    assert said("-V") == said("--version") != ""


def test_names_may_be_parted_by_commas_and_a_suite_needs_no_option(tmp_path: Path) -> None:
    plans = [
        mrbench("run", "--dry-run", *words.split(), cwd=tmp_path).stdout
        for words in (
            "--suite smoke --impl torchvision detectron2",
            "smoke --impl torchvision,detectron2",
            "smoke --suite smoke --impl torchvision --impl detectron2",
        )
    ]
    assert plans[0]
    assert plans == plans[:1] * 3


def test_all_suites_with_runs_are_shown_under_their_names(tmp_path: Path) -> None:
    kept = Path(__file__).parent / "kept" / "smoke"
    for name in ("smoke", "other"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        shutil.copytree(kept / "torchvision", tmp_path / "runs" / name / "torchvision")
    both = mrbench("table", cwd=tmp_path)
    assert both.returncode == 0, both.stderr
    assert both.stdout.index("suite other") < both.stdout.index("suite smoke")
    one = mrbench("table", "smoke", cwd=tmp_path).stdout
    assert one in both.stdout
    shutil.rmtree(tmp_path / "runs" / "other")
    shutil.copytree(kept / "detectron2", tmp_path / "runs" / "other" / "detectron2")
    for choice in ("--filter=name~detectron2", "--relative-to=detectron2"):
        found = mrbench("table", choice, cwd=tmp_path)
        assert found.returncode == 0, found.stderr
        assert "suite other" in found.stdout
        assert "suite smoke" not in found.stdout
    assert mrbench("table", "--filter=name~nowhere", cwd=tmp_path).returncode == 1
    rows = json.loads(mrbench("table", "--json", cwd=tmp_path).stdout)
    assert [row["suite"] for row in rows] == ["other", "smoke"]
    assert [row["implementation"] for row in rows] == ["detectron2", "torchvision"]
    lines = mrbench("table", "--format=csv", "--columns=throughput", cwd=tmp_path).stdout
    assert [line.partition(",")[0] for line in lines.splitlines()] == ["suite", "other", "smoke"]


def test_an_interrupt_while_python_deletes_an_object_is_not_lost() -> None:
    program = """
import os, signal, time
from mrbench import cli
class Deleted:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        sum(range(10))
cli._take_signals()
try:
    Deleted()
    time.sleep(60)
except KeyboardInterrupt:
    print("interrupted")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "interrupted\n", "")
