"""A file that the training writes as its log: followed, timed as it grows, and measured."""

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mrbench.errors import MeasureError
from mrbench.measure.log.blocks import read_blocks, read_stamps
from mrbench.measure.parsers import tfevents
from mrbench.measure.parsers.rows import read
from mrbench.model.logformat import Columns
from mrbench.record.rundir import RunDir
from mrbench.run.resultfile import ResultFile
from toy import commit_all, edit, make_suite, mrbench, outcomes
from waiting import wait_for

# Writes a CSV file as Lightning's logger does: it begins it anew when a row has another column.
WRITES = """
import sys, time
from pathlib import Path
path = Path(sys.argv[1]) / "version_0" / "metrics.csv"
path.parent.mkdir(parents=True)
rows, began = [], time.monotonic()
print("training", flush=True)
for i in range(1, 1_000_000):
    time.sleep(0.02)
    if i % 5:
        continue
    columns = ["loss", "step", "time"] if i < 20 else ["loss", "step", "time", "val_loss"]
    rows.append((0.5, i, f"{time.monotonic() - began:.6f}", *[""] * (i >= 20)))
    if i in (5, 20):
        old = [(*row, *[""] * (len(columns) - len(row))) for row in rows]
        text = "".join(",".join(map(str, row)) + "\\n" for row in [columns, *old])
        path.write_text(text)
    else:
        with path.open("a") as file:
            file.write(",".join(map(str, rows[-1])) + "\\n")
"""


@pytest.fixture
def toy(tmp_path: Path, git: Callable[..., str]) -> Path:
    path = make_suite(tmp_path, git)
    old = path.read_text().partition("commit: ")[2][:40]
    (tmp_path / "upstream" / "train.py").write_text(WRITES)
    edit(path, old, commit_all(tmp_path / "upstream"))
    edit(path, "train.py 60 0.002", "train.py {output}")
    log = path.read_text().partition("log:\n")[2].partition("guards:")[0]
    columns = "  columns: {iteration: step, value: time, loss: loss}\n  timing: cumulative\n"
    return edit(path, log, f"  file: version_*/metrics.csv\n{columns}")


def only_record(folder: Path) -> dict[str, Any]:
    (path,) = (folder / "runs").glob("*/*/*/record.json")
    record: dict[str, Any] = json.loads(path.read_text())
    return record


def test_a_run_is_measured_by_its_result_file(toy: Path, tmp_path: Path) -> None:
    edit(toy, "  timing: cumulative\n", "  timing: cumulative\n  metrics: {seen: {column: step}}\n")
    done = mrbench("run", "--recipe", toy, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    record = only_record(tmp_path)
    measured = record["measurement"]
    assert (measured["first"], measured["last"], measured["iterations"]) == (11, 40, 30)
    assert (measured["clock"], measured["second_clock"]) == ("log", "arrival")
    assert measured["processes"] == 1
    seen = measured["metrics"]["seen"]  # of steps 15 to 40; each begins with the row before
    assert (seen["value"], seen["count"]) == (27.5, 6)
    assert record["exit"]["reason"] == "enough"
    (folder,) = (tmp_path / "runs").glob("*/*/*")
    rows = (folder / "result.log").read_text().splitlines()
    steps = [row.split(",")[1] for row in rows]
    assert steps[:6] == ["step", "5", "10", "15", "step", "20"]
    assert mrbench("verify", folder, cwd=tmp_path).returncode == 0
    assert outcomes(record)  # judged
    packed = mrbench("pack", folder, "-o", "run.tar.gz", cwd=tmp_path)
    assert packed.returncode == 0, packed.stderr
    assert mrbench("verify", "run.tar.gz", cwd=tmp_path).returncode == 0


def test_a_file_that_never_comes_is_told(toy: Path, tmp_path: Path) -> None:
    edit(toy, "version_*/metrics.csv", "elsewhere.csv")
    edit(toy, "wall_clock_limit_s: 120", "wall_clock_limit_s: 3")
    done = mrbench("run", "--recipe", toy, cwd=tmp_path)
    assert done.returncode != 0
    assert "no row of log.file (elsewhere.csv)" in only_record(tmp_path)["reason"]


@pytest.mark.parametrize("name", ["../outside.csv", "/etc/passwd", "a/../../b"])
def test_a_file_outside_of_the_output_is_refused(toy: Path, tmp_path: Path, name: str) -> None:
    edit(toy, "version_*/metrics.csv", name)
    done = mrbench("run", "--recipe", toy, "--dry-run", cwd=tmp_path)
    assert done.returncode == 2
    assert "log.file" in done.stderr


@pytest.fixture
def output(tmp_path: Path) -> Path:
    folder = tmp_path / "output"
    folder.mkdir()
    (tmp_path / "run").mkdir()
    return folder


def copied(folder: RunDir) -> str:
    return folder.result_log.read_text()


def test_links_out_of_the_output_are_not_followed(output: Path) -> None:
    outside = output.parent / "secret.csv"
    outside.write_text("step\n1\n")
    (output / "metrics.csv").symlink_to(outside)
    folder = RunDir(output.parent / "run")
    with ResultFile(output, "*.csv", folder) as file:
        pass  # it looks once more when the training has ended
    assert "wrote no" in file.problem
    assert "metrics.csv is a link that leads out of there" in file.problem
    assert not copied(folder)


def test_what_is_no_file_of_lines_is_told(output: Path) -> None:
    folder = RunDir(output.parent / "run")
    os.mkfifo(output / "metrics.csv")
    with ResultFile(output, "*.csv", folder) as pipe:
        pass
    assert "metrics.csv is a folder, a pipe or a device" in pipe.problem
    (output / "metrics.csv").unlink()
    (output / "metrics.csv").write_text("step,time,loss")
    with ResultFile(output, "*.csv", folder) as endless:
        pass
    assert "metrics.csv has no line's end" in endless.problem


def test_a_fifo_in_the_files_place_stops_nothing(output: Path) -> None:
    folder = RunDir(output.parent / "run")
    path = output / "metrics.csv"
    path.write_text("step\n1\n")
    with ResultFile(output, "*.csv", folder):
        wait_for(lambda: copied(folder))
        path.unlink()
        os.mkfifo(path)
    assert copied(folder) == "step\n1\n"


def test_each_part_has_the_time_at_which_it_was_seen(output: Path) -> None:
    folder = RunDir(output.parent / "run")
    path = output / "a.jsonl"
    with ResultFile(output, "*.jsonl", folder), path.open("a") as log:
        for part, whole in (('{"step": 1}\n{"ste', 1), ('p": 2}\n', 2)):
            log.write(part)
            log.flush()
            wait_for(lambda n=whole: len(copied(folder).splitlines()) == n)  # type: ignore[misc]
    stamps = read_stamps(folder.result_stamps)
    assert list(stamps.ends) == [12, 24]


def record(data: bytes) -> bytes:
    head = len(data).to_bytes(8, "little")
    crcs = (tfevents.masked_crc(part).to_bytes(4, "little") for part in (head, data))
    return head + next(crcs) + data + next(crcs)


def event(step: int, tag: str, value: float) -> bytes:
    """Return a record as tensorboardX writes it: wall time, step, and a summary of one value."""
    name = tag.encode()
    summary = b"\x0a" + bytes([len(name)]) + name + b"\x15" + struct.pack("<f", value)
    summary = b"\x0a" + bytes([len(summary)]) + summary
    wall = struct.pack("<d", 1.8e9 + step)
    return record(
        b"\x09" + wall + b"\x10" + bytes([step]) + b"\x2a" + bytes([len(summary)]) + summary
    )


def test_the_checksum_is_that_of_the_format() -> None:
    # RFC 3720, appendix B.4: 32 bytes of zeros have the CRC-32C 8a9136aa
    crc = 0x8A9136AA
    assert tfevents.masked_crc(bytes(32)) == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_an_event_file_is_read_as_far_as_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "events.out.tfevents.1"
    whole = b"".join(
        event(i, "loss", 3.0) + event(i, "time", 0.5) + record(b"\x10\x01" * 40_000)
        for i in range(1, 100)
    )
    path.write_bytes(record(b"\x1a\x0dbrain.Event:2") + whole + event(100, "time", 0.5)[:-3])
    rows = list(read(read_blocks(path), Columns(value="time", loss="loss")))
    assert [row.texts["step"] for row in rows] == [str(i) for i in range(1, 100)]
    assert rows[5].texts["loss"] == "3.0"
    assert rows[5].printed is not None
    assert rows[5].printed.seconds == 1.8e9 + 6


def test_a_damaged_event_file_says_where(tmp_path: Path) -> None:
    first = record(b"\x1a\x0dbrain.Event:2")
    damaged = bytearray(first + event(1, "time", 0.5) + event(2, "time", 0.5))
    damaged[len(first) + 20] ^= 1
    path = tmp_path / "events"
    path.write_bytes(damaged)
    with pytest.raises(MeasureError, match=f"at byte {len(first)}"):
        list(read(read_blocks(path), Columns(value="time")))
