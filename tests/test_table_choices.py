"""Columns, order, filters, ratios to a row, links: as somebody types them."""

import json
import math
import re
import shutil
import statistics
from pathlib import Path
from typing import Any

import pytest

from manyruns import KEPT, make, seal
from mrbench.record.rundir import write
from toy import mrbench

SMOKE = ("table", "--suite", "smoke", "--runs", KEPT)


def rows_of(*words: object, cwd: Path) -> list[dict[str, Any]]:
    done = mrbench(*words, "--format", "json", cwd=cwd)
    assert done.returncode == 0, done.stderr
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


def names(rows: list[dict[str, Any]]) -> list[str]:
    return [row["implementation"] for row in rows]


def test_columns_by_name_in_any_order(tmp_path: Path) -> None:
    done = mrbench(*SMOKE, "--columns", "throughput, implementation", cwd=tmp_path)
    assert done.stdout.split("\n\n")[1].split()[:3] == ["Throughput", "(img/s)", "Implementation"]
    (first, *_) = rows_of(*SMOKE, "--columns", "n,throughput", cwd=tmp_path)
    keys = ["repeats", "ledger_runs", "ledger_missing"]
    keys += ["throughput", "low_throughput", "high_throughput"]
    assert list(first) == keys
    done = mrbench(*SMOKE, "--columns", "speed", cwd=tmp_path)
    assert done.returncode == 2
    assert re.search(r"--columns 'speed': .*known: implementation, .*throughput", done.stderr)


def test_sorting(tmp_path: Path) -> None:
    slow_first = names(rows_of(*SMOKE, "--sort", "throughput", cwd=tmp_path))
    assert slow_first == names(rows_of(*SMOKE, cwd=tmp_path))[::-1]
    assert names(rows_of(*SMOKE, "--sort", "implementation:desc", cwd=tmp_path)) == sorted(
        slow_first, reverse=True
    )
    for words in (["--sort", "speed"], ["--sort", "n:down"]):
        done = mrbench(*SMOKE, *words, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
    assert len(rows_of(*SMOKE, "--sort", "footnote_number", cwd=tmp_path)) == 8
    last = rows_of(*SMOKE, "--sort", "footnote_number:desc", cwd=tmp_path)[-1]
    assert last["footnote_number"] is None  # what has no value is last either way


@pytest.mark.parametrize(
    ("conditions", "found"),
    [
        (["framework=MXNet"], {"simpledet"}),
        (["framework!=PyTorch", "throughput>1"], {"tensorpack", "simpledet", "detectron"}),
        (["throughput<=0.7861898792291415"], {"matterport"}),
        (["implementation~MASK"], {"maskrcnn-benchmark"}),
        (["runs~20261125T10120"], {"detectron2"}),
        (["published>1"], set()),  # there is none
        (["pinned=no"], set()),
        (["n = 1", "title~/"], {"matterport"}),
    ],
)
def test_filters(conditions: list[str], found: set[str], tmp_path: Path) -> None:
    words = [word for text in conditions for word in ("--filter", text)]
    assert set(names(rows_of(*SMOKE, *words, cwd=tmp_path))) == found


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("framework", "write KEY=VALUE"),
        ("speed>1", "no such column or key; known: implementation,"),
        ("n~1", "is a number"),
        ("n=one", "is a number"),
        ("framework>1", "is text"),
    ],
)
def test_filters_that_cannot_be(condition: str, told: str, tmp_path: Path) -> None:
    done = mrbench(*SMOKE, "--filter", condition, cwd=tmp_path)
    assert done.returncode == 2
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_no_row_left_is_told(tmp_path: Path) -> None:
    done = mrbench(*SMOKE, "--filter", "framework=none", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "none of 8 rows meets" in done.stderr


def changed(run: Path, **change: Any) -> None:  # noqa: ANN401 - JSON
    record = json.loads((run / "record.json").read_bytes())
    for key, value in change.items():
        record[key] = record[key] | value if isinstance(record[key], dict) else value
    write(run / "record.json", json.dumps(record))
    seal(run)


def test_ratios_to_a_row_where_runs_may_be_compared(tmp_path: Path) -> None:
    for folder in make(tmp_path / "runs", 8):
        if folder.parent.name == "simpledet":
            changed(folder, machine={"cpu": "another \x1b[31mCPU"})
        if folder.parent.name == "mmdetection":
            changed(folder, status="failed", reason="it broke")
        if folder.parent.name == "torchvision":
            changed(folder, plan={"window": {"first": 10, "last": 20}})
    words = ("table", "--suite", "smoke", "--relative-to", "detectron2")
    rows = {row["implementation"]: row for row in rows_of(*words, cwd=tmp_path)}
    by = rows["detectron2"]
    assert (by["relative"], by["low_relative"], by["relative_reason"]) == (1, None, None)
    row = rows["tensorpack"]
    assert row["relative"] == pytest.approx(row["throughput"] / by["throughput"])
    assert row["low_relative"] is row["high_relative"] is None, "one run each tells no noise"
    for name, reason in (("simpledet", "another CPU"), ("torchvision", "other iterations")):
        assert rows[name]["relative"] is None
        assert reason in rows[name]["relative_reason"]
    assert rows["mmdetection"]["relative"] is rows["mmdetection"]["relative_reason"] is None
    text = mrbench(*words, "--format", "markdown", cwd=tmp_path).stdout
    assert r"another CPU (another \[31mCPU" in text
    assert "\x1b" not in text
    assert "where both rows have two runs or more" in text
    done = mrbench("table", "--suite", "smoke", "--relative-to", "d2", cwd=tmp_path)
    assert done.returncode == 2
    assert "--relative-to: no row 'd2'; the rows are: tensorpack, detectron2, " in done.stderr
    words = ("table", "--suite", "smoke", "--relative-to", "mmdetection")
    (row, *_) = rows_of(*words, cwd=tmp_path)
    assert row["relative_reason"] == "mmdetection: no number"


def repeated(folder: Path, name: str, **plan: Any) -> None:  # noqa: ANN401 - JSON
    """Lay down three runs of the kept detectron2 that vary by 1 %, with another plan."""
    rate = plan.pop("rate")
    (run,) = (KEPT / "smoke" / "detectron2").iterdir()
    for number, factor in enumerate((0.99, 1.0, 1.01)):
        place = shutil.copytree(run, folder / "smoke" / "detectron2" / f"{name}-{number}")
        changed(
            place,
            plan=plan,
            id=f"smoke/detectron2/{name}-{number}",
            started=f"2026-01-0{number + 1}T00:00:00Z",
            plan_digest=name,
            measurement={"throughput": rate * factor},
        )


def test_two_commits_are_two_rows_and_each_can_be_named(tmp_path: Path) -> None:
    (run,) = (KEPT / "smoke" / "detectron2").iterdir()
    source = json.loads((run / "record.json").read_bytes())["plan"]["source"]
    runs = tmp_path / "runs"
    repeated(runs, "own", rate=2.0)
    repeated(runs, "new", rate=1.9, pinned=False, source=source | {"commit": "beef123" + "0" * 33})
    repeated(runs, "other", rate=1.8, pinned=False, source=source | {"commit": "bee1" + "1" * 36})
    words = ("table", "--suite", "smoke", "--relative-to")
    rows = {row["name"]: row for row in rows_of(*words, "detectron2@beef123", cwd=tmp_path)}
    assert list(rows) == ["detectron2", "detectron2@beef12300000", "detectron2@bee111111111"]
    assert rows["detectron2@beef12300000"]["relative"] == 1
    found = rows["detectron2"]
    assert found["relative"] == pytest.approx(2 / 1.9)
    # by scipy.stats.ttest_ind of the logarithms, equal_var=False
    error = math.sqrt(2 / 3) * statistics.stdev(map(math.log, (0.99, 1.0, 1.01)))
    assert found["low_relative"] == pytest.approx(2 / 1.9 * math.exp(-2.776445 * error), rel=1e-6)
    assert found["relative_to"] == "detectron2@beef12300000"
    plain = {row["name"]: row["relative"] for row in rows_of(*words, "detectron2", cwd=tmp_path)}
    assert plain["detectron2"] == 1
    assert plain["detectron2@bee111111111"] == pytest.approx(0.9)
    done = mrbench(*words, "detectron2@bee", cwd=tmp_path)
    assert done.returncode == 2
    assert "fits 2 rows; give one of: detectron2@beef12300000, detectron2@bee11" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_of_a_grid_one_row_is_the_base_and_the_others_get_ratios(tmp_path: Path) -> None:
    def grid(**values: int) -> dict[str, object]:
        return {name: {"value": value, "default": 1} for name, value in values.items()}

    runs = tmp_path / "runs"
    repeated(runs, "own", rate=2.0, parameters=grid(accum=1, micro=1))
    repeated(runs, "accum", rate=1.9, parameters=grid(accum=2, micro=1))
    repeated(runs, "both", rate=1.8, parameters=grid(accum=2, micro=2))
    words = ("table", "--suite", "smoke", "--relative-to")
    for base, rate in (("detectron2", 2.0), ("detectron2 accum=2", 1.9)):
        rows = {row["name"]: row for row in rows_of(*words, base, cwd=tmp_path)}
        expected = {"detectron2": 2.0, "detectron2 accum=2": 1.9, "detectron2 accum=2 micro=2": 1.8}
        assert {name: rows[name]["relative"] for name in expected} == {
            name: pytest.approx(other / rate) for name, other in expected.items()
        }
        assert {row["relative_to"] for row in rows.values()} == {base}
    shutil.rmtree(runs)
    repeated(runs, "accum", rate=1.9, parameters=grid(accum=2, micro=1))
    repeated(runs, "both", rate=1.8, parameters=grid(accum=2, micro=2))
    done = mrbench(*words, "detectron2", cwd=tmp_path)
    assert done.returncode == 2
    assert "'detectron2' fits 2 rows; give one of: detectron2 accum=2, " in done.stderr


def test_links_lead_to_the_run(tmp_path: Path) -> None:
    shutil.copytree(KEPT, tmp_path / "my runs")
    (run,) = (tmp_path / "my runs" / "smoke" / "detectron2").iterdir()
    words = (
        "table",
        "--suite",
        "smoke",
        "--runs",
        "my runs",
        "--filter",
        "implementation=detectron2",
    )
    (row,) = rows_of(*words, cwd=tmp_path)
    assert (tmp_path / row["folder"]).samefile(run)
    assert row["folders"] == [row["folder"]]
    assert row["runs"] == [f"smoke/detectron2/{run.name}"]
    link = f"./my%20runs/smoke/detectron2/{run.name}"
    for style, form in (
        ("markdown", f"[1.90]({link})"),
        ("github", f"[1.90]({link})"),
        ("html", f'<a href="{link}">1.90</a>'),
        ("rst", f"`1.90 <{link}>`__"),
    ):
        assert form in mrbench(*words, "--format", style, cwd=tmp_path).stdout
        whole = (*words, "--runs", tmp_path / "my runs", "--format", style)
        assert form in mrbench(*whole, cwd=tmp_path).stdout
    assert "\x1b" not in mrbench(*words, cwd=tmp_path).stdout


def test_notes_are_short_and_whole_with_notes(tmp_path: Path) -> None:
    short, whole = (mrbench(*SMOKE, *words, cwd=tmp_path).stdout for words in ((), ("--notes",)))
    for text in (short, whole):
        assert "no comparison of speed" in text
        assert "\nsimpledet: the log's nearest marks cover iterations 22-61" in text
    lines = short.splitlines()
    assert all(len(line) <= 100 for line in lines)
    assert sum(line.startswith(("[", "    ")) for line in lines) == 6
    assert "pycocotools" in whole
    assert "pycocotools" not in short
    assert "--notes prints" in short
    assert "--notes prints" not in whole
    assert "runs through the whole pipeline" in " ".join(whole.split())


def test_a_published_table_takes_no_rows(tmp_path: Path) -> None:
    done = mrbench("table", "--reference-only", "--sort", "n", cwd=tmp_path)
    assert done.returncode == 2
    assert "goes with --suite, --reference and --format alone" in done.stderr
    done = mrbench("table", "--suite", "smoke", "--reference-only", cwd=tmp_path)
    assert done.returncode == 2
    assert "has no published table" in done.stderr
    done = mrbench("table", "--suite", "2019", "--reference-only", "--format", "rst", cwd=tmp_path)
    assert "| maskrcnn-benchmark_  |PT|     | 51                 |\n" in done.stdout
