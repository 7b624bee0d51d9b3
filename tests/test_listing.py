"""Many records: read once each, in time that grows with their number; none is trusted unseen."""

import copy
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from manyruns import KEPT, leaves, make, seal
from mrbench.errors import MrbenchError
from mrbench.files import digest_of
from mrbench.recipe.load import load_suite
from mrbench.record import rundir
from mrbench.record.formats import is_edited, record_of
from mrbench.record.listing import StoredRun, list_runs
from mrbench.results.rows import make_rows, table_run
from mrbench.results.table import FORMATS, render
from toy import mrbench

COUNTER = """
import collections, contextlib, cProfile, io, os, pstats, sys
from mrbench import cli
opened = collections.Counter()
folder = sys.argv[1]
def hook(event, args):
    if event in ("open", "os.listdir", "os.scandir") and str(args[0]).startswith(folder):
        opened[os.path.basename(args[0]) if event == "open" else event] += 1
sys.addaudithook(hook)
out, profile = io.StringIO(), cProfile.Profile()
with contextlib.redirect_stdout(out):
    assert profile.runcall(cli.main, ["table", "--suite", "smoke", "--runs", folder]) == 0
print(opened["record.json"], sum(opened.values()) - opened["record.json"],
      pstats.Stats(profile).total_calls)
"""
RECORD = json.loads(next(KEPT.glob("smoke/tensorpack/*/record.json")).read_bytes())
JUNK: st.SearchStrategy[object] = st.sampled_from(
    [None, True, 0, -1, 2**70, 1.5, "x", "", [], [1], {}, {"a": 1}, [[]], 1e400]
)


def counted(folder: Path) -> tuple[int, int, int]:
    command = [sys.executable, "-c", COUNTER, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    records, others, calls = map(int, done.stdout.split())
    return records, others, calls


def test_each_record_is_opened_once_and_work_grows_linearly(tmp_path: Path) -> None:
    sizes = (40, 400, 760)
    found = []
    for size in sizes:
        make(tmp_path / str(size), size)
        found.append(counted(tmp_path / str(size)))
    assert [records for records, _, _ in found] == list(sizes)
    assert len({others for _, others, _ in found}) == 1  # the folders of 8 implementations
    few, more, most = (calls for _, _, calls in found)
    assert most - more == pytest.approx(more - few, rel=0.05)  # equal steps, equal work
    assert (most - more) / 360 < 250  # calls of functions for each record


def test_listed_runs_make_the_same_rows_as_records_read_one_by_one(tmp_path: Path) -> None:
    make(tmp_path, 24)
    suite = load_suite("smoke")
    paths = rundir.find_records(tmp_path, "smoke")
    whole = make_rows(suite, [table_run(rundir.load(p), str(p.parent)) for p in paths])
    runs = [run for run in list_runs(tmp_path, "smoke") if isinstance(run, StoredRun)]
    assert make_rows(suite, [table_run(*run) for run in runs]) == whole
    assert {row.repeats for row in whole} == {3}
    assert all(tuple(str(tmp_path / run) for run in row.runs) == row.folders for row in whole)


def test_a_run_that_was_copied_counts_once(tmp_path: Path) -> None:
    (folder,) = make(tmp_path, 1)
    shutil.copytree(folder, folder.with_name(f"{folder.name}-2"))
    run, copy = list_runs(tmp_path, "smoke")
    assert isinstance(run, StoredRun)
    assert f"is the same run as {folder}" in str(copy)


def test_an_edited_record_is_read_anew_even_with_the_same_size_and_time(tmp_path: Path) -> None:
    (folder,) = make(tmp_path, 1)
    path = folder / "record.json"
    (before,) = list_runs(tmp_path, "smoke")
    status = path.stat()
    text = path.read_text()
    assert isinstance(before, StoredRun)
    rate = before.record.throughput
    assert rate is not None
    path.write_text(
        text.replace(f": {rate}"[:8], f": {rate + 1}"[:8])
    )  # one digit, the rest as it was
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size
    (edited,) = list_runs(tmp_path, "smoke")
    assert f"{path}: is not as its own digest says" in str(edited)
    seal(folder)
    (after,) = list_runs(tmp_path, "smoke")
    assert isinstance(after, StoredRun)
    assert after.record.throughput == pytest.approx(rate + 1, abs=1e-9)


def test_what_is_no_record_is_told_and_what_has_none_is_named(tmp_path: Path) -> None:
    folders = make(tmp_path, 9)
    texts = ["{", "[]", '{"status": "ok"}', "[" * 100_000, '{"plan": 1, "status": "ok"}', ""]
    for folder, text in zip(folders, texts, strict=False):
        (folder / "record.json").write_text(text)
    (folders[6] / "record.json").unlink()
    (folders[7] / "record.json").unlink()
    os.mkfifo(folders[7] / "record.json")
    (tmp_path / "smoke" / "notes.txt").write_text("not a run")
    found = list(list_runs(tmp_path, "smoke"))
    errors = [str(e) for e in found if isinstance(e, MrbenchError)]
    assert len(errors) == 7
    for error, folder in zip(errors, [*folders[:6], folders[7]], strict=True):
        assert error.startswith(f"{folder}/record.json: ")
        assert "remove the run" in error or "Not a regular file" in error
    assert [f for f in found if isinstance(f, Path)] == [folders[6]]
    assert len([f for f in found if isinstance(f, StoredRun)]) == 1


def test_a_table_names_an_edited_record_and_leaves_it_out(tmp_path: Path) -> None:
    folders = make(tmp_path / "runs", 2)
    path = folders[0] / "record.json"
    path.write_text(path.read_text().replace('"status": "ok"', '"status":  "ok"'))
    assert mrbench("table", "--suite", "smoke", cwd=tmp_path).returncode == 0  # only laid out anew
    record = json.loads(path.read_bytes())
    record["measurement"]["throughput"] *= 2
    path.write_text(json.dumps(record))
    done = mrbench("table", "--suite", "smoke", "--format", "json", cwd=tmp_path)
    assert done.returncode == 7
    assert "is not as its own digest says: it was edited or damaged" in done.stderr
    assert "`mrbench verify` says more" in done.stderr
    assert len(json.loads(done.stdout)) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"gpus": ": (', '"gpus": ":  ('),  # a blank within a text, not behind a key
        (',\n "ended"', ', "turn": null,\n "ended"'),  # on the line of the digest itself
    ],
)
def test_no_blank_or_key_is_edited_unseen(old: str, new: str, tmp_path: Path) -> None:
    (path,) = (run / "record.json" for run in make(tmp_path, 8) if "torchvision" in str(run))
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    found = [f for f in list_runs(tmp_path, "smoke") if not isinstance(f, StoredRun)]
    assert [str(path) in str(f) for f in found] == [True]


@given(
    st.text(max_size=20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(1 << 70), 1 << 70),
)
def test_a_digest_holds_for_any_text_and_number_and_for_no_other(
    text: str, figure: float, count: int
) -> None:
    record = RECORD | {"reason": text, "unknown": [figure, {"n": count, ": ": [text]}]}
    record |= {"digest": digest_of(record)}
    written = json.dumps(record, indent=1, sort_keys=True)
    read = record_of(written.encode(), "record.json")
    assert not is_edited(written.encode(), read)
    assert not is_edited(json.dumps(record).encode(), read)  # only laid out anew
    for change in ({"reason": f"{text} "}, {"unknown": [figure, {"n": count + 1, ": ": [text]}]}):
        edited = json.dumps(record | change, indent=1, sort_keys=True)
        assert is_edited(edited.encode(), read)


def test_a_record_with_nan_is_read_as_before(tmp_path: Path) -> None:
    (folder,) = make(tmp_path, 1)
    path = folder / "record.json"
    path.write_text(
        path.read_text().replace('"load_average_1min": ', '"load_average_1min": NaN, "x": ')
    )
    seal(folder)
    (found,) = list_runs(tmp_path, "smoke")
    assert isinstance(found, StoredRun)
    path.write_text(path.read_text().replace('"throughput": ', '"throughput": NaN, "x": '))
    (found,) = list_runs(tmp_path, "smoke")
    assert "is not a throughput" in str(found)


@given(st.sampled_from(sorted(leaves(RECORD), key=str)), JUNK, st.booleans())
def test_whatever_stands_anywhere_makes_a_table_or_a_reason(
    path: tuple[str | int, ...],
    junk: object,
    remove: bool,  # noqa: FBT001 - hypothesis gives it
) -> None:
    record = copy.deepcopy(RECORD)
    parent: Any = record
    for key in path[:-1]:
        parent = parent[key]
    if remove:
        del parent[path[-1]]
    else:
        parent[path[-1]] = junk
    try:
        run = table_run(record_of(json.dumps(record).encode(), "record.json"))
    except MrbenchError as exc:
        assert str(exc).startswith("record.json: ")  # noqa: PT017 - one of two answers
        return
    suite = load_suite("smoke")
    rows = make_rows(suite, [run])
    for style in FORMATS:
        assert render(suite, rows, style)
