"""Runs that are named one by one, as folders or archives: tables, baselines and checks of them."""

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

import manyruns
from mrbench import cli
from mrbench.record import rundir
from mrbench.record.archive import identity, opened
from mrbench.record.pack import pack

KEPT = Path(__file__).with_name("kept")
MADE = 24  # three of each of the kept runs


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Make three runs of one implementation of smoke in theirs/, oldest first; go there."""
    monkeypatch.chdir(tmp_path)
    made = manyruns.make(Path("theirs"), MADE)
    return [run for run in made if run.parent == made[0].parent]


def archived(run: Path, name: str) -> str:
    with tarfile.open(name, "w:gz") as archive:
        archive.add(run, run.name)
    return name


def printed(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Any:  # noqa: ANN401 - any JSON
    assert cli.main([*words]) == code
    return json.loads(capsys.readouterr().out)


def test_a_table_is_made_of_archives(runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    names = [archived(run, f"{number}.tar.gz") for number, run in enumerate(runs)]
    (row,) = printed(capsys, "table", "--json", *names, names[0])
    assert row["folders"] == names
    assert row["repeats"] == len(runs)
    alike = printed(capsys, "table", "--json", "--runs", "theirs")
    assert [one["throughput"] for one in alike if one["name"] == row["name"]] == [row["throughput"]]


def test_a_run_and_its_archive_count_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(KEPT / "smoke", "runs/smoke")
    (run,) = Path("runs/smoke/detectron2").iterdir()
    with opened(str(run), Path("runs")) as readable:
        packed = pack(readable, Path("a.tar.gz"))
    assert packed.digest != rundir.load(run / "record.json").digest
    assert identity(packed) == identity(rundir.load(run / "record.json"))
    rows = printed(capsys, "table", "smoke", "a.tar.gz", "--json")
    assert [row["repeats"] for row in rows if row["implementation"] == "detectron2"] == [1]
    (row,) = printed(capsys, "table", "detectron2", "a.tar.gz", "--json")
    assert row["repeats"] == 1
    saved = printed(capsys, "baseline", "save", "b.json", "smoke", "a.tar.gz", "--json")
    entries = [e for e in saved["entries"] if e["implementation"] == "detectron2"]
    assert [len(entry["throughput"]) for entry in entries] == [1]


def test_archives_of_two_machines_are_no_repeats(
    runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    for run, memory in zip(runs, (1 << 34, 1 << 34, 1 << 35), strict=True):
        record = json.loads((run / "record.json").read_text())
        record["machine"] |= {"host": "******", "memory_bytes": memory}
        original = {"sha256": "0" * 64, "size_bytes": 1, "digest": run.name}
        record["packed"] = {"mrbench": "0.3.0", "record": original}
        (run / "record.json").write_text(json.dumps(record))
        manyruns.seal(run)
    names = [archived(run, f"{number}.tar.gz") for number, run in enumerate(runs)]
    assert cli.main(["table", "--json", *names]) == 0
    told = capsys.readouterr()
    (row,) = json.loads(told.out)
    assert row["folders"] == names[2:]
    assert told.err.count("left out: ") == 2
    assert "0.tar.gz: its row is of a later run" in told.err


def test_a_baseline_is_saved_checked_and_updated_with_archives(
    runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    names = [archived(run, f"{number}.tar.gz") for number, run in enumerate(runs)]
    saved = printed(capsys, "baseline", "save", "b.json", *names[:2], "--json")
    (entry,) = saved["entries"]
    assert entry["now"]["runs"] == [str(Path(*run.parts[-3:])) for run in runs[:2]]
    assert cli.main(["check", "--baseline", "b.json", names[2], "--json"]) == 8
    findings = json.loads(capsys.readouterr().out)["checks"]
    assert "; 1 run against 2 with" in findings[1]["text"]
    updated = printed(capsys, "baseline", "update", "b.json", names[2], "--json")
    assert updated["entries"][0]["now"]["runs"] == [str(Path(*runs[2].parts[-3:]))]


def test_an_archive_is_no_log(runs: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    name = archived(runs[0], "one.tar.gz")
    assert cli.main(["parse", name]) == 6
    assert "one.tar.gz: is an archive, no log; `mrbench verify` measures" in capsys.readouterr().err


def test_what_names_no_run_is_refused_and_a_damaged_one_left_out(
    runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    good = archived(runs[0], "good.tar.gz")
    Path("bad.tar.gz").write_text("no archive")
    record = (runs[1] / "record.json").read_text()
    (runs[1] / "record.json").write_text(record.replace('"status": "ok"', '"status": "failed"'))
    edited = archived(runs[1], "edited.tar.gz")
    for words, code, text in (
        (["gone.tar.gz"], 1, "gone.tar.gz: no such archive"),
        (["smok"], 2, "no suite is called 'smok'; did you mean 'smoke'?"),
        ([good, "bad.tar.gz"], 1, "left out: bad.tar.gz: cannot be read"),
        ([good, edited], 7, "left out: edited.tar.gz/record.json: is not as its own digest says"),
    ):
        assert cli.main(["table", *words]) == code, words
        assert text in capsys.readouterr().err
    assert cli.main(["baseline", "save", "b.json", "bad.tar.gz"]) == 2
    assert "a baseline is of one suite" in capsys.readouterr().err
