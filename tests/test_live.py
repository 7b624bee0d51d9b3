"""The live view as a person sees it: real runs on a real pty, read by a terminal emulator."""

import json
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from keptruns import kept_run
from mrbench.console.live import LiveReporter
from mrbench.model.reporter import RunStart
from mrbench.record.rundir import load
from paced import Paced
from terminal import Terminal, mrbench_on

COLOUR = re.compile(rb"\x1b\[[0-9;]*?(?:3[0-8]|4[0-8]|9[0-7])[0-9;]*m")


@pytest.fixture
def paced(tmp_path: Path, git: Callable[..., str]) -> Paced:
    return Paced(tmp_path, git)


HEADER = json.dumps(
    {"format": 1, "period_s": 1.0, "host": "h", "processors": 2, "monotonic_ns": 0}
    | {"realtime_ns": 0, "gpus": [{"index": 2, "uuid": "GPU-a"}]}
)
TREE = {"processes": 1, "threads": 1, "cpu_s": 0.0, "memory_bytes": 0}


def sample(gpus: object) -> str:
    return json.dumps({"monotonic_ns": 0, "host": {}, "tree": TREE, "gpus": gpus})


def shows(text: str) -> Callable[[list[str]], bool]:
    return lambda lines: any(text in line for line in lines)


def ends(lines: list[str]) -> int:
    """Count the summaries: how the paced lines arrive may refute the seconds that they print."""
    known = ("img/s in iterations 51-400", "toy: clocks_disagree")
    return sum(any(text in line for text in known) for line in lines)


def test_a_run_from_its_stages_to_its_summary(paced: Paced, tmp_path: Path) -> None:
    words = ("run", "--recipe", paced.recipe, "--repeat", 2)
    with mrbench_on(80, 24, *words, cwd=tmp_path) as (terminal, process):
        terminal.wait_for(shows("starting the training"))
        # the moving lines are away while a message is printed
        terminal.wait_for(lambda lines: "toy  run 1 of 2  1 device  round 1 of 2" in lines)
        paced.until(20)  # of the first line alone no parser knows what it spans
        lines = terminal.wait_for(shows("iteration 20/410  warm-up of 50"))
        assert lines[lines.index("toy  run 1 of 2  1 device  round 1 of 2") + 2] == (
            "warm-up  loss 4.167"
        )
        paced.until(210)
        lines = terminal.wait_for(shows("iteration 210/410  window 160/350"))
        # four images in each hundredth of a second; the log's digits leave the rest open
        assert "400.000 ± 0.020 img/s  loss 1.613" in lines
        (progress,) = [line for line in lines if "iteration 210" in line]
        assert progress.startswith("━━━━━━━━━━━━━━━━━─────────────────  iteration")
        paced.until(410)
        terminal.wait_for(shows("run 2 of 2"))
        lines = terminal.wait_for_end(process)
    assert process.returncode in {0, 6}
    assert not shows("/410")(lines), "nothing of the moving lines is left"
    assert ends(lines) == 2
    assert terminal.screen.cursor.x == 0
    assert terminal.screen.display[terminal.screen.cursor.y].strip() == ""


@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_any_size(paced: Paced, tmp_path: Path, columns: int) -> None:
    done = 200
    with mrbench_on(columns, 5, "run", "--recipe", paced.recipe, cwd=tmp_path) as (terminal, _):
        for rows in (5, 2, 1, 24):
            terminal.resize(columns, rows)
            done += 10
            paced.until(done)
            lines = terminal.wait_for(shows(f"{done}/410"))
            assert sum("/410" in line for line in lines) == 1, lines
            assert shows("400.000 ±")(lines) or (rows, columns) == (2, 40), lines
            assert shows("━")(lines) == (rows > 3)


def test_it_survives_resizing(paced: Paced, tmp_path: Path) -> None:
    paced.until(150)
    done = 150
    with mrbench_on(80, 24, "run", "--recipe", paced.recipe, cwd=tmp_path) as (terminal, process):
        terminal.wait_for(shows("iteration 150/410"))
        for columns, rows in ((40, 24), (200, 50), (60, 5), (20, 3), (1, 1), (80, 24)):
            terminal.resize(columns, rows)
            done += 10
            paced.until(done)
            if columns >= 20:
                lines = terminal.wait_for(shows(f"{done}/410"))
                assert sum("/410" in line for line in lines) == 1, lines
            if (columns, rows) == (40, 24):  # where the lines may have been wrapped
                assert shows("toy: fetching")(lines), "the messages are repeated"
        assert sum("400.000 ±" in line for line in lines) == 1, lines
        paced.until(410)
        lines = terminal.wait_for_end(process)
    assert process.returncode in {0, 6}
    assert ends(lines) == 1
    assert not shows("/410")(lines)


def test_without_colour(paced: Paced, tmp_path: Path) -> None:
    paced.until(210)
    words = ("run", "--recipe", paced.recipe)
    with mrbench_on(80, 24, *words, cwd=tmp_path, variables={"NO_COLOR": "1"}) as (terminal, _):
        terminal.wait_for(shows("210/410"))
    assert not COLOUR.search(terminal.raw)
    with mrbench_on(80, 24, *words, cwd=tmp_path) as (terminal, _):
        terminal.wait_for(shows("210/410"))
    assert COLOUR.search(terminal.raw), "or the search above finds nothing"


@pytest.mark.parametrize("locale", [{"LANG": "C"}, {"LANG": "", "LC_ALL": "POSIX"}])
def test_without_utf8(paced: Paced, tmp_path: Path, locale: dict[str, str]) -> None:
    paced.until(210)
    words = ("run", "--recipe", paced.recipe)
    with mrbench_on(80, 24, *words, cwd=tmp_path, variables=locale) as (terminal, process):
        lines = terminal.wait_for(shows("210/410"))
        assert shows("#################----")(lines)
        paced.until(410)
        terminal.wait_for_end(process)
    assert terminal.raw.isascii()


def test_a_dumb_terminal_gets_plain_lines(paced: Paced, tmp_path: Path) -> None:
    paced.until(410)
    words = ("run", "--recipe", paced.recipe)
    with mrbench_on(80, 24, *words, cwd=tmp_path, variables={"TERM": "dumb"}) as (terminal, run):
        lines = terminal.wait_for_end(run)
    assert b"\x1b" not in terminal.raw
    assert shows("s] toy: starting the training")(lines)


def test_quiet_tells_problems_only(paced: Paced, tmp_path: Path) -> None:
    paced.keep_its_pace()
    paced.until(410)
    words = ("run", "--quiet", "--recipe", paced.recipe)
    with mrbench_on(80, 24, *words, cwd=tmp_path) as (terminal, run):
        terminal.wait_for_end(run)
    assert terminal.raw == b""
    paced.recipe.write_text(paced.recipe.read_text().replace("{python}", "{python} -V"))
    with mrbench_on(200, 24, *words, cwd=tmp_path) as (terminal, run):
        lines = terminal.wait_for_end(run)
    told, *_ = [line for line in lines if line]  # and what its log says of the failure
    assert "toy: no_iterations" in told


def test_an_interrupt_leaves_the_terminal_as_it_was(paced: Paced, tmp_path: Path) -> None:
    paced.until(210)
    with mrbench_on(80, 24, "run", "--recipe", paced.recipe, cwd=tmp_path) as (terminal, process):
        terminal.wait_for(shows("210/410"))
        process.send_signal(signal.SIGINT)
        lines = terminal.wait_for_end(process)
    assert process.returncode == 130
    assert [line for line in lines if line][-1] == "mrbench: interrupted"
    assert not shows("210/410")(lines)
    (record,) = tmp_path.glob("runs/*/*/*/record.json")
    assert json.loads(record.read_text())["status"] == "interrupted"


def test_gpus_follow_the_telemetry(tmp_path: Path) -> None:
    terminal, path = Terminal(80, 24), tmp_path / "telemetry.jsonl"
    with open(terminal.slave, "w", encoding="utf-8", closefd=False) as stream:
        reporter = LiveReporter(stream)
        with reporter:
            reporter.run_started(started(tmp_path, path))
            reporter.stage("toy", "training \x1b[2J")
            terminal.wait_for(shows("training ?[2J"))  # what programs printed moves no cursor
            known = [
                {"index": 4, "uuid": "GPU-a", "memory_total_bytes": 16 << 30},
                {"index": 5, "uuid": "GPU-b", "power_limit_w": 300},
                {"index": 6, "uuid": "GPU-c"},
            ]
            header = json.loads(HEADER) | {"gpus": known, "visible": "GPU-b,4,6"}  # two are wanted
            gpus = {
                "GPU-a": {"utilisation_percent": 50, "memory_used_bytes": 8 << 30},
                "GPU-b": {"power_w": 211.6},
                "GPU-c": {"power_w": 1.0},
            }
            line = sample(gpus)
            path.write_text(f"{json.dumps(header)}\n{line}\n{line[:9]}")
            lines = terminal.wait_for(shows("GPU 4  ━━━─── util 50%   ━━━─── 8.0 GiB"))
            assert [line[:5] for line in lines if line.startswith("GPU")] == ["GPU 5", "GPU 4"]
            assert shows("212 W")(lines)
            terminal.resize(80, 4)
            terminal.wait_for(shows("2 GPUs  ━━━─── util 50%"))
    terminal.wait_for(lambda lines: not shows("GPU")(lines))


def started(folder: Path, telemetry: Path) -> RunStart:
    record = load(kept_run("smoke", "tensorpack") / "record.json")
    plan = replace(record.plan, accelerator="gpu", gpus=2)
    return RunStart(record=replace(record, plan=plan), folder=folder, telemetry=telemetry)
