"""The table: like things averaged over total time, unlike things apart, failures last."""

import csv
import html
import io
import json
from typing import Any

import msgspec
import pytest

from manyruns import KEPT
from mrbench.errors import RecipeError
from mrbench.model.inputs import Window
from mrbench.model.suite import Disparity, Hardware, Reference, Suite
from mrbench.record.formats import record_of
from mrbench.results import compare, compare_words, names
from mrbench.results.rows import TableRun, make_rows, table_run
from mrbench.results.table import render

RECORD = next(KEPT.glob("smoke/detectron2/*/record.json"))
SUITE = Suite(
    title="t",
    model="m",
    window=Window(first=100, last=500),
    hardware=Hardware(accelerator="gpu", count=2, name="NVIDIA V100"),
    references=(
        Reference(name="old", date="2019", source="s", throughput={"a": 50, "b": 10}),
        Reference(name="new", date="2020", source="s", throughput={"a": 80}),
    ),
)


def record(name: str, rate: float | None, **change: Any) -> TableRun:  # noqa: ANN401 - JSON
    """Return what a table needs of a run, made of a kept record with other values."""
    folder = change.pop("folder", None)
    content = json.loads(RECORD.read_bytes()) | {"environment": None, "family": None}
    content["plan"] |= {
        "implementation": name,
        "title": name.upper(),
        "framework": "F",
        "gpus": 2,
        "accelerator": "gpu",
        "window": {"first": 100, "last": 500},
        "adaptation": None,
    }
    plan = change.pop("plan", {})
    source = content["plan"]["source"] | {"commit": "c" * 40} | plan.get("source", {})
    content["plan"] |= plan | {"source": source}
    status = change.get("status", "ok" if rate else "stalled")
    measurement = {"status": status, "throughput": rate} | change.pop("measurement", {})
    content |= {
        "id": f"s/{name}/{change.get('started', 1)}",
        "started": "1",
        "plan_digest": f"digest of {name} {content['plan']['source']['commit'][:1]}",
        "status": status,
        "reason": "" if rate else "nothing was printed",
        "measurement": measurement,
        "validity": None,
        "machine": {"host": "h", "cpu": "c", "gpus": [{"name": "Tesla V100-SXM2"}] * 2},
    }
    raw = json.dumps(content | change).encode("utf-8", "surrogatepass")
    return table_run(record_of(raw, "record.json"), folder)


def test_sorted_by_throughput_failures_last() -> None:
    rows = make_rows(SUITE, [record("c", None), record("b", 9), record("a", 60)])
    assert [r.implementation for r in rows] == ["a", "b", "c"]
    text = render(SUITE, rows, "plain")
    assert "stalled: nothing was printed" in text.split("\n\n")[1].splitlines()[4]
    assert " 0.00" not in text
    assert "1.20" in text  # 60 against the published 50, on the published hardware


def test_repeats_are_meaned_over_total_time() -> None:
    (row,) = make_rows(SUITE, [record("a", 40), record("a", 60, started="2")])
    assert row.throughput == pytest.approx(48)
    assert row.deviation_throughput == pytest.approx(14.142, abs=1e-3)
    assert row.repeats == 2
    assert row.low_throughput is not None
    assert row.high_throughput is not None
    assert row.low_throughput < 48 < row.high_throughput


def test_one_run_shows_its_own_interval_and_several_theirs() -> None:
    within = {"throughput": 60.0, "low": 59.6, "high": 60.5}
    alone = record("a", 60, measurement={"throughput": 60.0, "interval": within})
    text = render(SUITE, make_rows(SUITE, [alone]), "plain")
    assert "60.0 ± 0.5  1" in text
    assert "95 % interval; of a single run (n = 1)" in text
    runs = [
        record("a", rate, started=str(rate), measurement={"throughput": rate})
        for rate in (59.0, 60.0, 61.0)
    ]
    text = render(SUITE, make_rows(SUITE, runs), "plain")
    assert (
        "60.0 ± 2.5  3          1.7%" in text
    )  # Student's t with 2 degrees of freedom: 4.30 / sqrt(3)


def test_runs_that_are_in_no_row_are_counted() -> None:
    elsewhere = {"host": "other", "cpu": "c", "gpus": [{"name": "Tesla V100-SXM2"}] * 2}
    runs = [record("a", 60, machine=elsewhere), record("a", 40, started="2"), record("b", 9)]
    rows = make_rows(SUITE, runs)
    assert [(row.name, row.throughput, row.earlier_runs) for row in rows] == [
        ("a", 40, 1),
        ("b", 9, 0),
    ]
    text = " ".join(render(SUITE, rows, "plain").split())
    assert "Not shown: earlier runs of another plan or machine, 1 of a; `mrbench runs`" in text
    assert "Not shown" not in render(SUITE, make_rows(SUITE, runs[1:]), "plain")


def test_an_invalid_run_never_enters_a_comparison() -> None:
    invalid = {"verdict": "invalid", "why": "GPUs: 4 by the log", "notes": [], "findings": []}
    bad = record("a", 90, started="2", validity=invalid)
    (row,) = make_rows(SUITE, [record("a", 60), bad])
    assert (row.throughput, row.repeats, row.failed_repeats) == (60, 1, 1)
    (row,) = make_rows(SUITE, [bad])
    assert (row.throughput, row.ratio, row.validity) == (None, None, "invalid")
    text = render(SUITE, [row], "plain")
    assert "invalid: GPUs: 4 by the log" in text
    assert "90" not in text


def test_a_long_reason_stands_below_the_table() -> None:
    reason = f"`pip install horovod` ended with 1: {'mpi.h is not there; ' * 20}"
    rows = make_rows(SUITE, [record("a", 60), record("b", None, reason=reason)])
    text = render(SUITE, rows, "plain")
    assert max(map(len, text.splitlines())) <= 140
    assert "invalid: stalled: `pip install horovod` ended with 1: ..." in text
    whole = " ".join(f"b: stalled: {reason}".split())
    for style in ("plain", "markdown", "rst", "html", "latex", "github"):
        assert "horovod" in render(SUITE, rows, style)
        assert " ".join(render(SUITE, rows, style).split()).count("mpi.h is not there") == 20
    assert whole in " ".join(text.split())
    assert json.loads(render(SUITE, rows, "json"))[1]["reason"] in whole


def test_notes_are_counted_and_listed() -> None:
    noted = {"verdict": "valid with notes", "why": "", "notes": ["one", "two"], "findings": []}
    (row,) = make_rows(SUITE, [record("a", 60, validity=noted)])
    assert row.notes == ("one", "two")
    assert "valid, 2 notes" in render(SUITE, [row], "plain")


def test_other_machines_and_commits_are_not_averaged() -> None:
    other = record("a", 10, started="0", machine={"host": "x", "cpu": "y", "gpus": []})
    moved = record("a", 5, plan={"pinned": False, "source": {"commit": "d" * 40}})
    rows = make_rows(SUITE, [record("a", 60), other, moved])
    assert [(r.throughput, r.pinned) for r in rows] == [(60, True), (5, False)]
    assert rows[1].ratio is None


ENVIRONMENT = json.loads(RECORD.read_bytes())["environment"] | {"image": "sha256:1"}


def test_another_image_is_not_averaged() -> None:
    inside = record("a", 10, started="2", environment=ENVIRONMENT)
    rows = make_rows(SUITE, [record("a", 60), inside])
    assert [(r.throughput, r.repeats) for r in rows] == [(10, 1)]


def test_another_window_is_a_row_of_its_own() -> None:
    window = {"window": {"first": 20, "last": 60}}
    other = record("a", 10, started="2", plan=window, plan_digest="other")
    rows = make_rows(SUITE, [record("a", 60), other])
    assert [r.window for r in rows] == ["100:500", "20:60"]
    assert "a 20:60" in render(SUITE, rows, "plain")


def test_a_row_is_named_by_its_devices_window_and_commit() -> None:
    plans: list[dict[str, Any]] = [
        {},
        {"gpus": 8},
        {"gpus": 8, "nodes": 2, "window": {"first": 20, "last": 60}},
        {"source": {"commit": "d" * 40}},  # both are their recipe's own
    ]
    runs = [
        record("a", 60 - i, plan={"pinned": True, **plan}, plan_digest=str(i))
        for i, plan in enumerate(plans)
    ]
    rows = make_rows(SUITE, runs)
    own = ["a@cccccccccccc", "a x8", "a x8 2nodes 20:60", "a@dddddddddddd"]
    assert [row.name for row in rows] == own
    assert names.one(rows, "a@c 100:500 x2", "here") is rows[0]
    assert names.one(rows, "a x8", "here") is rows[1]
    assert names.one(rows, "a 20:60", "here") is rows[2]
    assert names.family(rows[:3], "a", "here") == rows[:3]
    for text in ("", "a x3", "a two", "a@", "b"):
        with pytest.raises(RecipeError) as told:
            names.one(rows, text, "here")
        assert f"the rows are: {', '.join(own)}" in told.value.remedy
    with pytest.raises(RecipeError, match="'a' fits 4 rows"):
        names.one(rows, "a", "here")


def test_no_ratio_on_other_hardware() -> None:
    machine = {"host": "h", "cpu": "c", "gpus": [{"name": "NVIDIA A100"}] * 2}
    (row,) = make_rows(SUITE, [record("a", 60, machine=machine)])
    assert row.ratio is None
    assert "other hardware" in render(SUITE, [row], "plain")


def test_the_reference_is_chosen_by_name() -> None:
    (row,) = make_rows(SUITE, [record("a", 60)], "new")
    assert row.ratio == pytest.approx(0.75)
    with pytest.raises(RecipeError, match="known: old, new"):
        make_rows(SUITE, [], "newer")


def test_rst_is_a_grid() -> None:
    rows = make_rows(SUITE, [record("a", 60), record("b", None)])
    text = render(SUITE, rows, "rst", ["implementation", "throughput"])
    lines = text.split("\n\n")[1].splitlines()
    assert lines[0] == lines[-1]
    assert lines[0].count("+") == 3
    assert set(lines[2]) == {"+", "="}
    assert "Throughput (img/s)" in lines[1]


def test_machines_read_json_and_csv() -> None:
    rows = make_rows(SUITE, [record("a", 60), record("b", None)])
    assert json.loads(render(SUITE, rows, "json"))[1]["status"] == "stalled"
    read = list(csv.DictReader(io.StringIO(render(SUITE, rows, "csv"))))
    assert read[1]["throughput"] == ""
    assert "| a " in render(SUITE, rows, "markdown")


def test_what_is_not_upstreams_stands_in_footnotes() -> None:
    adaptation = {
        "reason": "It has no such operator",
        "patches": ["smoke/b.patch"],
        "stand_ins": {"RoIAlign": "torchvision's"},
    }
    records = [record("b", 9, plan={"adaptation": adaptation}), record("a", 60)]
    rows = make_rows(SUITE, records)
    for style, opening in (("plain", "["), ("markdown", r"\["), ("rst", "["), ("latex", "{[}")):
        assert f"b {opening}1" in render(SUITE, rows, style)
        assert f"a {opening}" not in render(SUITE, rows, style)
    for style in ("plain", "html"):
        text = html.unescape(render(SUITE, rows, style))
        text = text.removesuffix("</p>\n</section>").replace("<p>", "")
        assert text.splitlines()[-1] == (
            "[1] b: It has no such operator. Patch: smoke/b.patch."
            " Not upstream's: RoIAlign (torchvision's)."
        )
    assert json.loads(render(SUITE, rows, "json"))[1]["stand_ins"] == ["RoIAlign"]
    (row,) = [
        r
        for r in csv.DictReader(io.StringIO(render(SUITE, rows, "csv")))
        if "b" in r["implementation"]
    ]
    assert "RoIAlign" in row["footnote"]


PADDING = Disparity(
    what="padding",
    of=("b", "c"),
    how="to 832 x 1344; the others to the largest image of the batch",
    pushes="slower",
    why="much of that is padding",
)


def test_what_is_not_equal_says_which_way_it_pushes() -> None:
    suite = msgspec.structs.replace(SUITE, differences=(PADDING,))
    line = (
        "b, slower: padding: to 832 x 1344; the others to the largest image of the batch (much of"
        " that is padding)."
    )
    rows = make_rows(suite, [record("a", 60), record("b", 9)])
    assert line in render(suite, rows, "plain", whole=True).replace("\n", " ")
    assert line in html.unescape(render(suite, rows, "html"))
    for alike in (["a"], ["b", "c"]):  # nothing differs among these
        rows = make_rows(suite, [record(name, 60) for name in alike])
        assert "padding" not in render(suite, rows, "plain")


def test_a_comparison_says_what_is_not_equal() -> None:
    sides = []
    for name in "ab":
        content = json.loads(RECORD.read_bytes())
        content["plan"] |= {"implementation": name, "suite": "mine"}
        content["id"] = f"smoke/{name}/1"
        content["suite"]["differences"] = [msgspec.to_builtins(PADDING)]
        content["digest"] = None
        side = compare.Side(name, record_of(json.dumps(content).encode(), "r"))
        sides.append(compare.Group(name, [side]))
    found = compare.compare_groups(*sides)
    assert found.of_suite == (PADDING,)
    said = [each for each in compare_words.findings(found) if each.outcome != "failed"]
    assert said[0].subject == "suite", "before all that the records differ in"
    (line,) = [each.text for each in said if each.subject == "suite"]
    assert line.startswith("b, slower: padding: to 832 x 1344")


def taken(joules: float, gib: float, *, older: bool = False) -> dict[str, Any]:
    """Return telemetry of two GPUs, of which the second has so much in use at its fullest."""
    known = {} if older else {"max": gib * (1 << 30)}
    statistics = {"mean": 0.0, "p5": 0.0, "p95": (gib - 0.5) * (1 << 30), **known}
    gpus = [
        {"index": i, "uuid": str(i), "memory_used_bytes": statistics if i else None}
        for i in range(2)
    ]
    found = {"joules_per_unit": joules, "gpus": gpus, "tree": {"memory_bytes": statistics}}
    return {"samples": 9, "problems": [], **found}


def test_energy_and_memory_stand_in_the_table_where_they_are_known() -> None:
    runs = [record("a", 60, telemetry=taken(5.0, 10.5))]
    runs += [record("a", 60, started="2", telemetry=taken(6.0, 9.0)), record("b", 50)]
    rows = make_rows(SUITE, runs)
    assert rows[0].joules_per_unit == 5.5
    assert rows[0].gpu_memory_peak_bytes == rows[0].process_memory_peak_bytes == 10.5 * (1 << 30)
    assert rows[0].gpu_memory_p95_bytes == 10 * (1 << 30)
    text = render(SUITE, rows, "plain")
    assert "J/image  GPU memory (GiB)" in text
    assert "5.5             10.50" in text
    assert "NVML" in text
    assert "(p95)" not in text
    assert "Allocated" not in text
    assert "Process memory" not in text
    assert "10.50" in render(SUITE, rows, "markdown", ["implementation", "process_memory"])
    assert "J/image" not in render(SUITE, rows[1:], "plain")


def test_memory_without_a_peak_is_marked_as_a_quantile() -> None:
    runs = [record("a", 60, telemetry=taken(5.0, 10.5, older=True))]
    runs += [record("a", 60, started="2", telemetry=taken(6.0, 11.0))]
    (row,) = make_rows(SUITE, runs)
    assert row.gpu_memory_peak_bytes is None  # of one of the runs it is unknown
    text = render(SUITE, [row], "plain")
    assert "10.50 (p95)" in text
    assert "95 % of the window lies below" in text


def test_memory_that_the_log_prints_has_a_column() -> None:
    printed = {"throughput": 60, "peak_allocated_bytes": 4710 << 20}
    rows = make_rows(SUITE, [record("a", 60, measurement=printed), record("b", 50)])
    assert [row.peak_allocated_bytes for row in rows] == [4710 << 20, None]
    text = render(SUITE, rows, "plain")
    assert "Allocated (GiB)" in text
    assert "4.60" in text
    assert "as the log prints it" in text.replace("\n", " ")


def test_licences_of_what_was_trained_stand_below_the_table() -> None:
    runs = [
        record("a", 40, licence="AGPL-3.0-only"),
        record("b", 30, licence="MIT"),
        record("c", 20, licence="MIT"),
        record("d", 10),  # an older record, or nobody's
    ]
    text = render(SUITE, rows := make_rows(SUITE, runs), "plain")
    assert "Licences of what was trained: AGPL-3.0-only (A), MIT (B, C)." in text
    assert json.loads(render(SUITE, rows, "json"))[0]["licence"] == "AGPL-3.0-only"
    assert "Licences" not in render(SUITE, make_rows(SUITE, runs[3:]), "plain")
    older = record("mmdetection", 5)  # a recipe of suite smoke, which states it now
    text = render(SUITE, rows := make_rows(SUITE, [runs[1], older]), "plain", whole=True)
    said = (
        "Licences of what was trained: MIT (B). By today's recipes, since older records do not say:"
    )
    assert f"{said} Apache-2.0 (MMDETECTION)." in " ".join(text.split())
    assert [row.licence_of_now for row in rows] == [False, True]
