"""`mrbench history` over records that were kept, with numbers and commits of the tests' own."""

import json
import random
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import manyruns
from mrbench import cli
from mrbench.record import rundir

KEPT = next(manyruns.KEPT.glob("smoke/detectron2/*/record.json"))
OLD, NEW = "a" * 40, "b" * 40
COUNT, CHANGED = 24, 14


def write(runs: Path, rates: Sequence[float], changed: int = CHANGED, **other: object) -> None:
    """Write runs of these speeds; those from `changed` on have another commit and driver."""
    for number, rate in enumerate(rates):
        record: dict[str, Any] = rundir.load(KEPT).plain() | other
        late = number >= changed
        record["plan"]["source"]["commit"] = NEW if late else OLD
        record["machine"] |= {"gpu_driver": "570.1" if late else "565.2"}
        record["measurement"] |= {"interval": None}
        manyruns.write(runs, record, number, rate)


def rates(change: float) -> list[float]:
    draw = random.Random(5)
    return [2 * draw.gauss(1, 0.01) * (1 if i < CHANGED else 1 + change) for i in range(COUNT)]


def history(capsys: pytest.CaptureFixture[str], *words: object) -> list[dict[str, Any]]:
    assert cli.main(["history", *map(str, words), "--json"]) == 0
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def test_a_change_is_told_with_what_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, rates(-0.05))
    (series,) = history(capsys, "--runs", tmp_path)
    (change,) = series["changes"]
    assert change["at"] == CHANGED
    assert change["low_ratio"] < 0.95 < change["high_ratio"] < 1
    parts = {part: [d["key"] for d in found] for part, found in change["differences"].items()}
    assert parts == {"code": ["plan.source.commit"], "machine": ["machine.gpu_driver"]}

    assert cli.main(["history", "detectron2", "--runs", str(tmp_path)]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "smoke/detectron2: 24 runs" in told
    assert "% slower (ratio 0.9" in told
    assert "(commit aaaaaaaaaa) and" in told
    assert "machine.gpu_driver: 565.2 / 570.1" in told
    assert "1 change." in told


def test_no_change_says_what_would_have_been_seen(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, rates(0))
    assert cli.main(["history", "smoke", "--runs", str(tmp_path)]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "No change is shown. Noise from run to run is 1" in told
    assert "would mostly be found" in told


def test_too_few_runs_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for count, have in ((1, "there is 1"), (2, "there are 2")):
        write(tmp_path / str(count), rates(0)[:count])
        assert cli.main(["history", "smoke", "--runs", str(tmp_path / str(count))]) == 0
        told = capsys.readouterr().out
        assert f"No change is shown. 6 runs are needed; {have}.\n" in told


def test_noise_that_hides_everything_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, [10.0**digits for digits in (1, 5, 2, 4, 3, 0)])
    assert cli.main(["history", "smoke", "--runs", str(tmp_path)]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "not even half the speed would be found" in told


def test_runs_that_may_not_be_compared_are_two_series(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "a", rates(0)[:4])
    write(tmp_path / "b", rates(0)[:4])
    for path in sorted((tmp_path / "b").rglob("record.json")):
        record = json.loads(path.read_bytes())
        record["machine"]["cpu"] = "another"
        path.write_text(json.dumps(record))
        manyruns.seal(path.parent)
        path.parent.rename(tmp_path / "a" / "smoke" / "detectron2" / f"{path.parent.name}b")
    found = history(capsys, "detectron2", "--runs", tmp_path / "a")
    assert [len(series["runs"]) for series in found] == [4, 4]


def test_failed_runs_and_tests_in_turns_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, rates(0)[:8])
    turn = {"test": "t", "side": "old", "pair": 1, "max_pairs": 9, "margin": 0.03}
    paths = sorted(tmp_path.rglob("record.json"))
    for path, change in ((paths[2], {"turn": turn}), (paths[5], {"status": "failed"})):
        path.write_text(json.dumps(json.loads(path.read_bytes()) | change))
        manyruns.seal(path.parent)
    paths[7].write_text("{")
    assert cli.main(["history", "smoke", "--runs", str(tmp_path), "--json"]) == 0
    out, err = capsys.readouterr()
    (series,) = json.loads(out)
    assert (len(series["runs"]), series["left_out"]) == (5, 2)
    assert series["detectable"] is None
    assert err.count("left out") == 1
    assert str(paths[7]) in err


def test_a_folder_of_archives_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "runs", rates(-0.1))
    (tmp_path / "archives" / "deep").mkdir(parents=True)
    for path in (tmp_path / "runs").rglob("record.json"):
        archive = tmp_path / "archives" / "deep" / f"{path.parent.name}.tar.gz"
        with tarfile.open(archive, "w:gz") as out:
            out.add(path.parent, path.parent.name)
    (series,) = history(capsys, tmp_path / "archives", "--runs", tmp_path / "none")
    assert [change["at"] for change in series["changes"]] == [CHANGED]


def test_a_name_of_nothing_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, rates(0)[:2])
    assert cli.main(["history", "detectron3", "--runs", str(tmp_path)]) != 0
    assert "detectron3" in capsys.readouterr().err
