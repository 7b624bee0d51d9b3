"""The ledger: each run that trains is in it, and what is done to it afterwards is found."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ledgers
import manyruns
from mrbench import locks
from mrbench.errors import MrbenchError
from mrbench.record import ledger
from mrbench.record.verify.ledger import chain
from toy import edit, make_suite, mrbench
from waiting import SAFETY_S, wait_for

APPEND = """
import sys
from pathlib import Path
from mrbench.record import ledger
print("ready", flush=True)
sys.stdin.read()
for number in range(int(sys.argv[3])):
    ledger.append(Path(sys.argv[1]), "began", run=f"s/i/{sys.argv[2]}-{number}", plan="p")
"""


@pytest.fixture
def toy(tmp_path: Path, git: Callable[..., str]) -> Path:
    return make_suite(tmp_path, git)


def verify(folder: Path, code: int) -> list[str]:
    """Verify the ledger; return what is failed, or all if nothing is to be."""
    done = mrbench("verify", "runs/ledger.jsonl", "--json", cwd=folder)
    assert done.returncode == code, done.stdout + done.stderr
    (answer,) = json.loads(done.stdout)
    assert answer["matches"] == (code == 0)
    found = answer["groups"]["ledger"]
    return [f["text"] for f in found if code == 0 or f["outcome"] == "failed"]


def entries(folder: Path) -> list[dict[str, Any]]:
    return ledgers.read(folder / "runs")


def test_a_run_is_entered_before_it_trains_and_once_it_is_recorded(
    toy: Path, tmp_path: Path
) -> None:
    assert mrbench("run", "--recipe", toy, "--repeat", 2, cwd=tmp_path).returncode == 0
    began, ended, *others = entries(tmp_path)
    (first, _) = sorted((tmp_path / "runs" / "toys" / "toy").iterdir())
    record = json.loads((first / "record.json").read_bytes())
    assert record["ledger"] == {"position": 1, "digest": began["digest"], "registered": None}
    assert (began["kind"], began["run"]) == ("began", record["id"])
    assert (ended["kind"], ended["record"], ended["status"]) == ("ended", record["digest"], "ok")
    assert record["started"][:19] <= began["at"][:19] <= record["ended"][:19]
    assert [other["kind"] for other in others] == ["began", "ended"]
    assert "4 lines, each follows the one before it" in verify(tmp_path, 0)[0]
    told = mrbench("verify", first, "--json", cwd=tmp_path)
    assert told.returncode == 0
    assert "is entry 1, with this record" in told.stdout
    assert mrbench("runs", "rm", record["id"], cwd=tmp_path).returncode == 0
    assert entries(tmp_path)[-1]["kind"] == "removed"
    assert not any("not there" in text for text in verify(tmp_path, 0))


def test_what_failed_to_be_prepared_never_trained_and_is_not_in_it(
    toy: Path, tmp_path: Path
) -> None:
    broken = toy.with_name("broken.yaml")
    broken.write_text(toy.read_text().replace("60 0.002", "20 0.002 broken"))
    edit(toy, "/upstream\n", "/nowhere\n")
    assert mrbench("run", "--recipe", toy, broken, cwd=tmp_path).returncode != 0
    began, ended = entries(tmp_path)
    assert began["run"].startswith("toys/broken/")
    assert ended["status"] == "failed"
    assert any("its training never began" in text for text in verify(tmp_path, 0))


def test_a_killed_run_stays_begun_and_is_named(toy: Path, tmp_path: Path) -> None:
    edit(toy, "60 0.002", "60 0.5")
    command = [sys.executable, "-m", "mrbench", "run", "--recipe", str(toy)]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL) as running:
        logs = tmp_path / "runs" / "toys" / "toy"
        wait_for(lambda: any(log.stat().st_size for log in logs.glob("*/train.log")))
        os.kill(running.pid, signal.SIGKILL)
        running.wait(SAFETY_S)
    (began,) = entries(tmp_path)
    text = f"{began['run']} began and never ended: mrbench was killed"
    wait_for(lambda: text in verify(tmp_path, 0), "the training's end")  # its shim ends it
    assert mrbench("collect", cwd=tmp_path).returncode == 130
    ended = entries(tmp_path)[-1]
    assert (ended["kind"], ended["run"]) == ("ended", began["run"])
    assert ended["status"] == "interrupted"
    assert not any("never ended" in text for text in verify(tmp_path, 0))


def test_processes_and_threads_that_write_at_once_do_not_fork_it(tmp_path: Path) -> None:
    runs, each = tmp_path / "runs", 40
    runs.mkdir()
    words = [sys.executable, "-c", APPEND, str(runs)]

    def append() -> None:
        for _ in range(each):
            ledger.append(runs, "began", run="s/i/here", plan="p")

    with contextlib.ExitStack() as held:
        writers = [
            held.enter_context(
                subprocess.Popen(
                    [*words, str(n), str(each)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for n in range(3)
        ]
        for writer in writers:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "ready\n"
        threads = [threading.Thread(target=append) for _ in range(2)]
        for writer in writers:
            assert writer.stdin is not None
            writer.stdin.close()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [writer.wait(SAFETY_S) for writer in writers] == [0, 0, 0]
    assert [f.outcome for f in chain(ledger.lines(runs))] == ["ok"]
    assert [e["position"] for e in entries(tmp_path)] == list(range(1, 5 * each + 1))


@pytest.mark.parametrize("tampering", ledgers.LINES)
def test_a_ledger_that_was_tampered_with_is_found(tampering: str, tmp_path: Path) -> None:
    ledgers.make(tmp_path / "runs", 4)
    assert len(verify(tmp_path, 0)) == 5
    change, text = ledgers.LINES[tampering]
    ledgers.write(tmp_path / "runs", change(entries(tmp_path)))
    found = verify(tmp_path, 7)
    assert any(text in line for line in found), found


@pytest.mark.parametrize("tampering", ledgers.RUNS)
def test_runs_that_are_not_those_of_the_ledger_are_found(tampering: str, tmp_path: Path) -> None:
    folders = ledgers.make(tmp_path / "runs", 4)
    change, text = ledgers.RUNS[tampering]
    change(tmp_path / "runs", folders[-1])
    (found,) = verify(tmp_path, 7)
    assert text in found


def test_a_line_that_was_never_finished_is_removed_by_the_next_run(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    first, second = ledgers.make(runs, 2)
    path = runs / ledger.FILE
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    assert verify(tmp_path, 7) == [f"the end of {second.relative_to(runs)} is not in it"]
    with locks.attempt(second / "plan.json") as lock:  # as an mrbench that has not entered it yet
        assert lock is not None
        told = verify(tmp_path, 0)
    assert any("line 4 was never finished" in text for text in told)
    assert any(text.startswith("3 lines, each follows") for text in told)
    assert any("is not in it yet: it is under way" in text for text in told)
    assert list(ledger.settle(runs)) == [second.relative_to(runs).as_posix()]
    assert len(verify(tmp_path, 0)) == 3
    assert first.exists()
    path.write_text("what is this\n")
    with pytest.raises(MrbenchError, match="cannot be continued: its last line is no entry"):
        ledger.append(runs, "began", run="s/i/r", plan="p")
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(MrbenchError, match="cannot be written"):
        ledger.append(runs, "began", run="s/i/r", plan="p")


def test_runs_from_before_the_ledger_are_older_than_it(tmp_path: Path) -> None:
    folders = manyruns.make(tmp_path / "runs", 3)
    told = mrbench("verify", folders[0], "--json", cwd=tmp_path)
    assert "there is none in this folder of runs; it is of none" in told.stdout
    ledgers.enter(tmp_path / "runs", folders[2])
    found = verify(tmp_path, 0)
    assert sum(text.endswith("is not in it: older than it") for text in found) == 2


@pytest.fixture
def chosen(tmp_path: Path) -> list[Path]:
    """Make seven runs of one plan: three valid, and four that somebody would rather not show."""
    runs = tmp_path / "runs"
    folders = ledgers.alike(runs, 7)
    for folder in folders[:3]:
        ledgers.enter(runs, folder)
    reason = {"status": "failed", "reason": "exit code 1", "validity": None, "measurement": None}
    ledgers.change(folders[3], **reason)
    ledgers.enter(runs, folders[3])
    for folder in folders[4:6]:
        ledgers.enter(runs, folder)
    ledgers.enter(runs, folders[6], ended=False)
    (folders[6] / "record.json").unlink()
    assert mrbench("runs", "rm", folders[4].name, cwd=tmp_path).returncode == 0
    shutil.rmtree(folders[5])
    return folders


def test_a_table_says_how_many_runs_it_shows_and_what_became_of_the_others(
    chosen: list[Path], tmp_path: Path
) -> None:
    told = mrbench("table", "smoke", cwd=tmp_path).stdout
    assert "3 of 7" in told
    flat = " ".join(told.split())
    assert "3 of 7 runs of its plan in the ledger; the others: 1 failed (" in flat
    assert all(f"1 {what} (smoke/" in flat for what in ("removed", "missing", "broken off"))
    (row,) = json.loads(mrbench("table", chosen[0], "--json", cwd=tmp_path).stdout)
    assert (row["repeats"], row["ledger_runs"]) == (1, 7)
    assert len(row["ledger"]["became"]["valid"]) == 3
    assert "2 valid, in no row here" in mrbench("table", chosen[0], cwd=tmp_path).stdout
    shown = mrbench("show", chosen[0], cwd=tmp_path).stdout
    assert "7 runs of its plan in the ledger: 3 valid, 1 failed, 1 removed" in shown
    assert mrbench("report", "-o", "r.html", cwd=tmp_path).returncode == 0
    page = (tmp_path / "r.html").read_text()
    assert ">3 of 7<" in page
    assert "3 of 7 runs of its plan in the ledger; the others: 1 failed" in page


def test_an_archive_says_how_many_runs_there_were(tmp_path: Path, toy: Path) -> None:
    assert mrbench("run", "--recipe", toy, "--repeat", 3, cwd=tmp_path).returncode == 0
    done = mrbench("pack", "toy", "-o", "a.tar.gz", cwd=tmp_path)
    assert "3 runs of its plan in the ledger: 3 valid" in done.stdout
    (tmp_path / "other").mkdir()
    (tmp_path / "a.tar.gz").rename(tmp_path / "other" / "a.tar.gz")
    told = mrbench("table", "a.tar.gz", cwd=tmp_path / "other").stdout
    assert "1 of 3" in told
    told = mrbench("verify", "a.tar.gz", cwd=tmp_path / "other").stdout
    assert "then 3 runs of its plan in the ledger: 3 valid" in " ".join(told.split())
    (tmp_path / "runs" / "ledger.jsonl").unlink()
    told = mrbench("table", "toys", cwd=tmp_path).stdout
    assert "3 of ?" in told
    assert "their ledger is not here" in " ".join(told.split())
