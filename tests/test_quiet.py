"""Other programs before a launch: told, waited for, and gone on beside after the limit."""

import itertools
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

import pytest

from mrbench.doctor import quiet
from mrbench.launch.processors import Look, look
from toy import make_suite, mrbench, records

if TYPE_CHECKING:
    from mrbench.model.plan import Plan


class Facts(NamedTuple):
    """What of a plan is asked for."""

    implementation: str = "toy"
    accelerator: str = "cpu"


CPU = cast("Plan", Facts())
BURN = "import time\nwhile time.process_time() < 0.5: pass\nprint(time.process_time())"


@pytest.mark.parametrize(
    ("seconds", "busy_s", "own_s", "cores"),
    [
        (1.0, 1.54, 0.5, 1.0),  # less 40 ms of slack for the kernel's ticks
        (1.0, 0.5, 0.49, 0.0),
        (1.0, 0.5, 0.6, 0.0),
        (0.04, 0.04, 0.0, None),  # nothing can be told of so short a time
    ],
)
def test_what_others_keep_busy(
    seconds: float, busy_s: float, own_s: float, cores: float | None
) -> None:
    found = quiet.others(Look(5.0, 7.0, 1.0), Look(5.0 + seconds, 7.0 + busy_s, 1.0 + own_s))
    assert found == (cores if cores is None else pytest.approx(cores))
    assert quiet.others(None, Look(5.0, 7.0, 1.0)) is None


def test_a_process_of_somebody_else_shows_and_a_child_does_not() -> None:
    """By processor time: how long the machine takes for it is no matter."""
    nobody = "import subprocess, sys; print(subprocess.check_output(sys.argv[1:], text=True))"
    before = look()
    child_s = float(subprocess.check_output([sys.executable, "-c", BURN]))
    between = look()
    assert before
    assert between
    assert between.own_s - before.own_s >= child_s - quiet.SLACK_S
    with subprocess.Popen(
        [sys.executable, "-c", nobody, sys.executable, "-c", BURN], stdout=subprocess.PIPE
    ) as other:
        assert other.stdout
        burned_s = float(other.stdout.read())
        after = look()  # before the parent is waited for: none of ours yet
    assert after
    theirs_s = (after.busy_s - between.busy_s) - (after.own_s - between.own_s)
    assert theirs_s >= burned_s - quiet.SLACK_S


def scripted(monkeypatch: pytest.MonkeyPatch, *cores: float) -> None:
    """Let the machine be as busy as told, then quiet: no test can make a machine quiet."""
    looks = itertools.accumulate(
        itertools.chain(cores, itertools.repeat(0.0)),
        lambda last, more: Look(last.at_s + 1, last.busy_s + more + quiet.SLACK_S, 0.0),
        initial=Look(0.0, 0.0, 0.0),
    )
    monkeypatch.setattr(quiet, "look", lambda: next(looks))
    clock = itertools.count()
    monkeypatch.setattr(time, "monotonic", lambda: next(clock) / 4)
    monkeypatch.setattr(time, "sleep", lambda _s: None)


def test_it_waits_until_others_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, 1.5, 1.5)
    said: list[str] = []
    found = quiet.wait(60, CPU, said.append, pytest.fail)
    assert (found.before_cores, found.after_cores) == pytest.approx((1.5, 0.0))
    assert found.reached
    assert len(said) == 1
    assert "waiting for a quiet machine: load" in said[0]
    assert "other programs keep 1.5 of them busy" in said[0]


def test_it_goes_on_after_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    scripted(monkeypatch, *[1.5] * 100)
    said: list[str] = []
    problems: list[str] = []
    found = quiet.wait(9, CPU, said.append, problems.append)
    assert found.reached is False
    assert found.waited_s >= 9
    assert "it runs anyway" in problems[0]


def test_the_record_tells_of_the_wait(tmp_path: Path, git: Callable[..., str]) -> None:
    toy = make_suite(tmp_path, git)
    done = mrbench("run", "--recipe", toy, "--json", "--wait-until-quiet", 1, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (record,) = records(done.stdout)
    waited = record["quiet_wait"]
    assert waited["limit_s"] == 1
    assert waited["waited_s"] >= 1
    assert waited.keys() == {*("limit_s", "waited_s", "before_cores", "after_cores", "reached")}
    shown = mrbench("show", record["id"], cwd=tmp_path).stdout
    assert "quiet wait      1 s, cores busy with others:" in shown
