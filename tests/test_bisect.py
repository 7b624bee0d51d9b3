"""`mrbench bisect` with real git and real processes, whose logs print planned times."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from mrbench.checks.bisect import Bisection
from mrbench.model.inputs import Source
from toy import commit_all, edit, make_suite, make_upstream, mrbench
from waiting import wait_for

LIMIT_S = 600  # a safety net
# All lines in one write: what they print of 0.1 s is less than their arrival could refute.
TRAIN = """
lines = [f"iter: {i} loss: 0.5 time: {SECONDS:.6f}" for i in range(10, 61, 10)]
print("\\n".join(lines), flush=True)
"""
FAST, SLOW, BROKEN = "SECONDS = 0.003", "SECONDS = 0.004", "raise SystemExit('does not build')"
FULL = "raise OSError(28, 'No space left on device')"
# between both, and 10 % off to either side in turns
UNCLEAR = """
import pathlib
turns = pathlib.Path("TURNS")
turns.write_text(turns.read_text() + "x" if turns.exists() else "x")
SECONDS = 0.0034641 * 1.1 ** (-1) ** len(turns.read_text())
"""


class History:
    """A recipe, and the commits of its repository."""

    def __init__(self, folder: Path, git: Callable[..., str], kinds: Sequence[str]) -> None:
        self.folder, self.recipe = folder, make_suite(folder, git)
        train, self.commits = folder / "upstream" / "train.py", []
        for number, kind in enumerate(kinds):
            head = kind.replace("TURNS", str(folder / "turns"))
            train.write_text(f"# {number}\n{head}\n{TRAIN}")
            self.commits.append(commit_all(folder / "upstream"))

    def words(self, *more: object, good: int = 0, bad: int = -1) -> tuple[object, ...]:
        ends = ("--good", self.commits[good], "--bad", self.commits[bad])
        return ("bisect", "--recipe", self.recipe, *ends, "--margin", "5%", *more)

    def search(self, *more: object, **ends: int) -> subprocess.CompletedProcess[str]:
        return mrbench(*self.words(*more, **ends), cwd=self.folder)

    def runs(self) -> list[dict[str, Any]]:
        """Return all records, in the order of their runs."""
        found = [json.loads(p.read_text()) for p in self.folder.glob("runs/*/*/*/record.json")]
        return sorted(found, key=lambda record: record["started"])


def checks(done: subprocess.CompletedProcess[str], topic: str) -> list[dict[str, Any]]:
    assert done.stdout, done.stderr
    return [check for check in json.loads(done.stdout)["checks"] if check["topic"] == topic]


def test_an_interrupted_search_goes_on_past_what_cannot_be_trained_to_the_commit(
    tmp_path: Path, git: Callable[..., str]
) -> None:
    history = History(tmp_path, git, [FAST, FAST, BROKEN, FAST, SLOW, SLOW])
    command = [sys.executable, "-m", "mrbench", *map(str, history.words())]
    running = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: len(history.runs()) > 6 or running.poll() is not None)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=LIMIT_S)
    assert running.returncode == 130, said
    assert "--resume goes on" in said
    before = len(history.runs())
    done = history.search("--resume", "--json")
    assert done.returncode == 7, done.stderr
    (found,) = checks(done, "first bad")
    assert found["key"] == history.commits[4]
    assert found["figures"]["ratio"] == pytest.approx(0.75)
    assert '"on" (20' in found["text"]
    skipped, *others = sorted(checks(done, "commit"), key=lambda check: str(check["outcome"]))
    assert skipped["key"] == history.commits[2]
    assert "new (" in skipped["text"]
    assert "does not build" in skipped["text"]
    assert {check["outcome"] for check in others} == {"ok"}
    assert [check["outcome"] for check in checks(done, "good again")] == ["ok"]
    last = json.loads(done.stdout)["checks"][-1]
    assert last["topic"] == "first bad", "the answer comes last"
    assert [check["outcome"] for check in checks(done, "throughput")] == ["ok"]
    (cost,) = checks(done, "cost")
    made = history.runs()
    assert cost["figures"]["trainings"] == len(made) - before
    pairs = [(run["turn"]["test"], run["turn"]["side"], run["turn"]["pair"]) for run in made]
    again = [pair for pair in set(pairs) if pairs.count(pair) > 1]
    assert len(again) <= 2, "only the pair that was interrupted is made again"
    assert not list(Path(os.environ["MRBENCH_HOME"], "scratch").iterdir())


def test_a_commit_that_stays_undecided_is_named_beside_the_others(
    tmp_path: Path, git: Callable[..., str]
) -> None:
    history = History(tmp_path, git, [FAST, UNCLEAR, SLOW])
    done = history.search("--max-pairs", 3, "--json")
    assert done.returncode == 8, done.stderr
    (found,) = checks(done, "first bad")
    assert found["outcome"] == "inconclusive"
    assert "see why some were skipped" in found["remedy"]  # more pairs build no broken commit
    assert all(commit in found["text"] for commit in history.commits[1:])
    (tried,) = checks(done, "commit")
    assert tried["outcome"] == "not checked"
    assert ": skip: " in tried["text"]
    assert "is undecided; 3 pairs" in tried["text"]


def test_two_alike_end_the_search_before_it_begins(tmp_path: Path, git: Callable[..., str]) -> None:
    history = History(tmp_path, git, [SLOW, BROKEN, SLOW])
    done = history.search()
    assert done.returncode == 0, done.stderr
    assert "not slower by 5 % or more" in " ".join(done.stdout.split())
    assert "0 commits tried" in done.stdout
    assert len(history.runs()) == 6


def test_what_cannot_be_searched_is_refused_in_one_line(
    tmp_path: Path, git: Callable[..., str]
) -> None:
    history = History(tmp_path, git, [FAST, SLOW])
    old, new = history.commits
    one, demo = ("--recipe", history.recipe), ("--suite", "demo", "--impl", "minimask")
    refused: list[tuple[tuple[object, ...], int, str]] = [
        ((*one, "--good", new, "--bad", old), 2, "is not among the ancestors of"),
        ((*one, "--good", old, "--bad", "0" * 40), 3, f"has no commit {'0' * 40}"),
        ((*one, "--good", old, "--bad", old), 2, "is not among the ancestors of"),
        ((*demo, "--good", old, "--bad", new), 2, "package:minimask has no history"),
        (("--good", old, "--bad", new), 2, "give one --impl NAME or --recipe FILE"),
    ]
    for words, code, why in refused:
        done = mrbench("bisect", *words, cwd=tmp_path)
        *before, last = done.stderr.splitlines()
        assert done.returncode == code, done.stderr
        assert why in last
        # beside the fetch it may say that it waits for the run of another test
        assert all(line.startswith("[") for line in before), done.stderr
    assert not history.runs()


def test_a_full_disk_is_no_fault_of_a_commit(tmp_path: Path, git: Callable[..., str]) -> None:
    history = History(tmp_path, git, [FAST, FULL, SLOW])
    done = history.search()
    assert done.returncode == 1, done.stdout
    last = done.stderr.splitlines()[-1]
    assert "No space left on device" in last
    assert "--resume" in last


def test_a_good_commit_that_a_rule_stops_later_ends_the_search_without_an_answer(
    tmp_path: Path, git: Callable[..., str]
) -> None:
    rise = "for i in range(10, 61, 10): print(f'iter: {i} loss: {i**9} time: 0.003000')"
    later = f"import pathlib\nif pathlib.Path('TURNS').exists():\n    {rise}\n    raise SystemExit"
    middle = f"import pathlib\npathlib.Path('TURNS').touch()\n{SLOW}"
    history = History(tmp_path, git, [f"{later}\n{FAST}", middle, SLOW])
    suite = tmp_path / "toys" / "suite.yaml"
    edit(suite, "last: 40", "last: 50")
    edit(suite, "rules:\n", "rules:\n  - {rule: loss, at_most: 10, reason: it trains}\n")
    done = history.search()
    assert done.returncode == 8, done.stderr
    assert "invalid 3 times in pair 2" in done.stderr
    assert "--resume" in done.stderr.splitlines()[-1]


def test_its_help_shows_nothing_that_it_refuses(tmp_path: Path) -> None:
    said = mrbench("bisect", "--help", cwd=tmp_path).stdout
    assert "--impl NAME  " in said
    for refused in ("--detach", "1,2,4,8", "VALUE,...", "the whole suite"):
        assert refused not in said


def test_a_history_that_is_cut_off_is_told_at_once(tmp_path: Path, git: Callable[..., str]) -> None:
    history = History(tmp_path, git, [FAST, FAST, SLOW])
    shallow = f"{tmp_path / 'shallow'}"
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{tmp_path / 'upstream'}", shallow)
    edit(history.recipe, str(tmp_path / "upstream"), shallow)
    done = history.search()
    assert done.returncode == 2
    assert "whose history is cut off" in done.stderr


def test_git_finds_a_commit_of_a_branch_and_the_merge(
    tmp_path: Path, git: Callable[..., str]
) -> None:
    upstream = tmp_path / "upstream"
    make_upstream(upstream, git)
    commits = [git(upstream, "rev-parse", "HEAD")]
    git(upstream, "checkout", "-qb", "side")
    for subject in ("one", "two\x1b[31m"):
        git(upstream, "commit", "-q", "--allow-empty", "-m", subject)
        commits.append(git(upstream, "rev-parse", "HEAD"))
    git(upstream, "checkout", "-q", "-")
    git(upstream, "merge", "-q", "--no-ff", "-m", "merge", "side")
    commits.append(git(upstream, "rev-parse", "HEAD"))
    git(upstream, "commit", "-q", "--allow-empty", "-m", "last")
    commits.append(git(upstream, "rev-parse", "HEAD"))
    source = Source(url=f"file://{upstream}", commit=commits[0])
    for first_bad in (2, 3):
        (folder := tmp_path / f"{first_bad}").mkdir()
        bisection = Bisection(folder, source, commits[-1], None)
        while sha := bisection.next():
            bisection.mark(sha, "bad" if commits.index(sha) >= first_bad else "good")
        ((found, text),) = bisection.possible().items()
        assert found == commits[first_bad]
        assert text.isprintable()
