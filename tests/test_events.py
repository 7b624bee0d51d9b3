"""`mrbench run --json`: one event a line, as docs/watching.md lists them, as they happen."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from paced import Paced
from toy import edit, events, make_suite, mrbench, on_any_count, records

PAGE = Path(__file__).parents[1] / "docs" / "watching.md"


@pytest.fixture
def toy(tmp_path: Path, git: Callable[..., str]) -> Path:
    return on_any_count(make_suite(tmp_path, git))


def documented() -> dict[str, set[str]]:
    """Return the events and keys of the page's table."""
    rows = re.findall(r"^\| `(\w+)` \| (`.*) \|$", PAGE.read_text(), re.MULTILINE)
    return {event: set(re.findall(r"`(\w+)`", keys)) for event, keys in rows}


def test_every_event_has_the_keys_that_the_page_lists(toy: Path, tmp_path: Path) -> None:
    bad = tmp_path / "toys" / "bad.yaml"
    bad.write_text(toy.read_text())
    edit(bad, "60 0.002", "20 0.002 broken")
    options = ("--gpus", "1,2", "--cool-down", 50)  # on a CPU: that is a note
    done = mrbench("run", "--recipe", toy, bad, *options, "--json", cwd=tmp_path)
    told = events(done.stdout)
    known = documented()
    assert {event["event"] for event in told} == set(known)
    for event in told:
        assert set(event) - {"event", "time"} == known[event["event"]], event
    assert [event["time"] for event in told] == sorted(event["time"] for event in told)
    assert told[-1] == {
        "event": "ended",
        "time": told[-1]["time"],
        "exit_code": done.returncode,
        "error": None,
    }
    assert done.returncode == 5
    for event, record in zip(
        [e for e in told if e["event"] == "run_started"], records(done.stdout), strict=True
    ):
        assert (event["id"], event["gpus"]) == (record["id"], record["plan"]["gpus"])
        assert json.loads((Path(event["folder"]) / "record.json").read_text()) == record


def test_the_rate_so_far_becomes_the_records(toy: Path, tmp_path: Path) -> None:
    done = mrbench("run", "--recipe", toy, "--json", cwd=tmp_path)
    (record,) = records(done.stdout)
    seen = [event for event in events(done.stdout) if event["event"] == "iteration"]
    assert [event["iteration"] for event in seen] == [10, 20, 30, 40, 50]
    assert seen[0]["throughput"] is None
    last = [event for event in seen if event["iteration"] == 40][-1]
    assert last["throughput"] == pytest.approx(record["measurement"]["throughput"])
    assert last["loss"] == 0.5
    assert last["left_s"] > 0


def test_lines_come_as_they_happen(tmp_path: Path, git: Callable[..., str]) -> None:
    paced = Paced(tmp_path, git)
    paced.until(100)
    command = [sys.executable, "-m", "mrbench", "run", "--recipe", str(paced.recipe), "--json"]
    with subprocess.Popen(
        [*command, "--quiet"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        for line in running.stdout:
            if json.loads(line).get("iteration") == 100:
                break
        paced.until(410)
        assert [event["event"] for event in events(running.stdout.read())][-1] == "ended"
    assert running.returncode in {0, 6}


def test_a_reader_that_goes_away_does_not_end_the_run(
    tmp_path: Path, git: Callable[..., str]
) -> None:
    paced = Paced(tmp_path, git)
    paced.keep_its_pace()
    command = [sys.executable, "-m", "mrbench", "run", "--recipe", str(paced.recipe), "--json"]
    with subprocess.Popen(
        [*command, "--quiet"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.readline()
        running.stdout.close()
        paced.until(410)
        said = running.stderr.read().decode()
    assert running.returncode == 0, said
    assert said.endswith("nobody reads the events any more; the run goes on\n")
    (record,) = tmp_path.glob("runs/*/*/*/record.json")
    assert json.loads(record.read_text())["status"] == "ok"


def test_nor_does_one_of_the_plain_lines(tmp_path: Path, git: Callable[..., str]) -> None:
    paced = Paced(tmp_path, git)
    paced.keep_its_pace()
    command = [sys.executable, "-m", "mrbench", "run", "--recipe", str(paced.recipe)]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE) as running:
        assert running.stderr is not None
        running.stderr.readline()
        running.stderr.close()
        paced.until(410)
    (record,) = tmp_path.glob("runs/*/*/*/record.json")
    assert json.loads(record.read_text())["status"] == "ok"


def test_a_refusal_is_an_event_too(toy: Path, tmp_path: Path) -> None:
    edit(toy, "current\n", "current\n  system: [no-such-program-anywhere]\n")
    edit(toy.parent / "suite.yaml", "accelerator: cpu", "accelerator: gpu")
    done = mrbench("run", "--recipe", toy, "--json", cwd=tmp_path)
    first, last = events(done.stdout)
    assert (first["event"], last["event"]) == ("started", "ended")
    assert last["exit_code"] == done.returncode == 4
    assert "nothing was started" in last["error"]
