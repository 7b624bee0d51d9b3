"""Metrics: values of the window's lines alone, or a reason; in record, table, report and verify."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from manyruns import seal
from mrbench.errors import RecipeError
from mrbench.measure.anylog import KnownLog, parse_log
from mrbench.measure.log import patience
from mrbench.model.inputs import Window
from mrbench.model.logformat import Columns, LogFormat
from mrbench.model.measurement import Measurement
from mrbench.model.metric import RESERVED, Aggregation, Metric, MetricPattern
from mrbench.model.parameters import PlannedParameter
from mrbench.model.suite import Hardware, Suite
from mrbench.model.table import TableRow
from mrbench.results.metrics import of_runs
from mrbench.results.pareto import meaning, with_front
from mrbench.results.report.figures import front
from mrbench.results.report.gather import Chapter
from mrbench.results.table import render
from mrbench.results.table.choose import order
from mrbench.results.table.columns import COLUMNS
from toy import edit, make_suite, mrbench

PATTERN = r"iter: (?P<iteration>\d+) time: (?P<value>[\d.]+)"
MEMORY = MetricPattern(pattern=r"mem: (?P<value>\S+)")
WINDOW = Window(first=100, last=500)


def line(iteration: int, more: str = "") -> str:
    return f"iter: {iteration} time: 0.5000 {more}\n"


def measured(
    folder: Path, text: str, counts_from: int = 1, **metrics: MetricPattern
) -> Measurement:
    path = folder / "some.txt"
    path.write_bytes(text.encode())
    log = LogFormat(
        pattern=PATTERN, timing="interval_mean", counts_from=counts_from, metrics=metrics
    )
    recipes = {"x": KnownLog(log, 2)}
    return parse_log(path, recipes=recipes, window=WINDOW, implementation="x").measurement


def memory(folder: Path, texts: Sequence[str], aggregation: Aggregation = "mean") -> Metric:
    """Read `mem: ...` of lines from iteration 20 to 600; the texts go round."""
    lines = [line(i, f"mem: {texts[n % len(texts)]} MiB") for n, i in enumerate(range(20, 601, 20))]
    pattern = MetricPattern(pattern=MEMORY.pattern, unit="MiB", aggregation=aggregation)
    found = measured(folder, "".join(lines), mem=pattern).metrics
    assert found is not None
    return found["mem"]


@pytest.mark.parametrize(
    ("aggregation", "value"), [("mean", 310), ("last", 500), ("max", 500), ("min", 120)]
)
def test_the_values_of_the_windows_lines_count_and_no_others(
    tmp_path: Path,
    aggregation: Aggregation,
    value: float,
) -> None:
    lines = [f"before: mem: 1\n{line(i, f'mem: {i}')}" for i in range(20, 601, 20)]
    text = "".join(lines).replace("before: mem: 1\n", "", 1) + "mem: 1\n"
    pattern = MetricPattern(
        pattern=r"^iter.*mem: (?P<value>\S+)", aggregation=aggregation, unit="MiB"
    )
    found = measured(tmp_path, text, mem=pattern).metrics
    assert found == {"mem": Metric(value=value, unit="MiB", aggregation=aggregation, count=20)}


def test_lines_between_the_windows_lines_belong_to_it(tmp_path: Path) -> None:
    lines = [f"mem: {i}\nits own line {i}\n{line(i)}" for i in range(20, 601, 20)]
    found = measured(tmp_path, "".join(lines), mem=MEMORY).metrics
    assert found is not None
    assert (found["mem"].value, found["mem"].count) == (310, 20)


@pytest.mark.parametrize("counts_from", [0, 1])
def test_a_pattern_with_an_iteration_finds_what_is_printed_elsewhere(
    tmp_path: Path, counts_from: int
) -> None:
    shift = counts_from - 1
    lines = [f"{line(i + shift)}norm of {i + shift}: {i}\n" for i in range(20, 601, 20)]
    pattern = MetricPattern(
        pattern=r"norm of (?P<iteration>\d+): (?P<value>\d+)", aggregation="max"
    )
    found = measured(tmp_path, "".join(lines), counts_from, norm=pattern).metrics
    assert found is not None
    assert (found["norm"].value, found["norm"].count) == (500, 20)


@pytest.mark.parametrize(
    ("texts", "value"),
    [
        (["1,234.5"], 1234.5),
        (["12,345,678"], 12345678),
        (["'7.5'"], 7.5),
        (['"1e3"'], 1000),
        (["-2"], -2),
        (["8\x1b[0m"], 8),
    ],
)
def test_numbers_as_logs_print_them(tmp_path: Path, texts: list[str], value: float) -> None:
    assert memory(tmp_path, texts).value == value


@pytest.mark.parametrize(
    ("texts", "aggregation", "reason"),
    [
        (["1", "nan", "2"], "mean", "of 20 values are no finite numbers, the first is nan"),
        (["1", "inf"], "max", "10 of 20 values are no finite numbers, the first is inf"),
        (["0,25"], "min", "20 of 20 values are no finite numbers, the first is 0,25"),
        (["1e308"], "mean", "its values are too large to be added up"),
        (["nan"], "last", "the last value is no finite number: nan"),
    ],
)
def test_no_number_but_a_reason(
    tmp_path: Path,
    texts: list[str],
    aggregation: Aggregation,
    reason: str,
) -> None:
    found = memory(tmp_path, texts, aggregation)
    assert found.value is None
    assert reason in found.reason
    assert found.count == 20


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    text = "".join(line(i) for i in range(20, 601, 20))
    found = measured(tmp_path, f"mem: 3\n{text}mem: 4\n", mem=MEMORY).metrics
    assert found == {"mem": Metric(value=None, reason="no line of the window matches its pattern")}
    assert measured(tmp_path, text).metrics is None


def test_a_pattern_that_takes_too_long_costs_its_metric_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "MOST_S", 0.2)
    text = "".join(line(i, "mem: 3 " + "a" * 40) for i in range(20, 601, 20))
    slow = MetricPattern(pattern=r"(a+)+b(?P<value>x)")
    found = measured(tmp_path, text, slow=slow, mem=MEMORY)
    assert (found.throughput, found.metrics is not None) == (4, True)
    metrics = found.metrics or {}
    assert metrics["mem"].value == 3
    assert "takes more than 0.2 s over a part of the log" in metrics["slow"].reason


def test_a_value_cut_off_at_the_end_of_the_log_does_not_count(tmp_path: Path) -> None:
    text = "".join(line(i, f"mem: {i}") for i in range(20, 501, 20))
    pattern = MetricPattern(pattern=MEMORY.pattern, aggregation="last")
    found = measured(tmp_path, text[:-2], mem=pattern).metrics
    assert found is not None
    assert (found["mem"].value, found["mem"].count) == (480, 19)


def test_of_several_processes_that_of_the_number_counts(tmp_path: Path) -> None:
    parts = [
        "".join(line(i, f"mem: {k * 1000}") + f"norm of {i}: {k}\n" for i in range(20, last, 20))
        for k, last in ((1, 601), (2, 601), (3, 401))
    ]
    norm = MetricPattern(pattern=r"norm of (?P<iteration>\d+): (?P<value>\d+)")
    found = measured(tmp_path, "".join(parts), mem=MEMORY, norm=norm)
    assert found.processes == 3
    assert found.metrics is not None
    assert {name: metric.value for name, metric in found.metrics.items()} == {
        "mem": 2000,
        "norm": 2,
    }


def test_ranks_print_their_iterations_in_any_order(tmp_path: Path) -> None:
    lines = [f"{line(i)}0: norm of {i + 1}: 1\n1: norm of {i}: 3\n" for i in range(20, 601, 20)]
    norm = MetricPattern(pattern=r"norm of (?P<iteration>\d+): (?P<value>\d+)")
    found = measured(tmp_path, "".join(lines), norm=norm).metrics
    assert found is not None
    assert (found["norm"].value, found["norm"].count) == (2, 40)


ROWS = {
    "csv": lambda i: f"{i},{i / 10},,\n{i},,{i},nan\n",
    "json": lambda i: (
        f'{{"at": {{"step": {i}}}, "time": {i / 10}}}\n'
        f'DLLL {{"at": {{"step": {i}}}, "gpu": {{"mem": {i}}}, "lr": NaN}}\n'
    ),
}


@pytest.mark.parametrize(
    ("kind", "head", "names"),
    [
        ("csv", "step,time,mem,lr\n", ("step", "mem", "lr")),
        ("json", "", ("at.step", "gpu.mem", "lr")),
    ],
)
def test_a_column_of_a_result_file(
    tmp_path: Path, kind: str, head: str, names: tuple[str, str, str]
) -> None:
    path = tmp_path / f"metrics.{kind}"
    path.write_text(head + "".join(map(ROWS[kind], range(20, 601, 20))))
    step, mem, lr = names
    log = LogFormat(
        columns=Columns(iteration=step, value="time"),
        timing="cumulative",
        metrics={
            "mem": MetricPattern(column=mem, aggregation="max"),
            "mean": MetricPattern(column=mem),
            "lr": MetricPattern(column=lr),
            "gone": MetricPattern(column="gone"),
        },
    )
    found = parse_log(
        path, recipes={"x": KnownLog(log, 2)}, window=WINDOW, implementation="x"
    ).measurement
    assert (found.status, found.metrics is not None) == ("ok", True)
    metrics = found.metrics or {}
    assert [(metrics[n].value, metrics[n].count) for n in ("mem", "mean")] == [(500, 20), (310, 20)]
    assert metrics["lr"].reason == "20 of 20 values are no finite numbers, the first is nan"
    assert metrics["gone"].reason == "no row of the window has its column"


def test_frames_of_a_bar_are_lines_and_blocks_do_not_matter(tmp_path: Path) -> None:
    filler = "x" * 3000 + "\n"  # the log is of several blocks
    text = "".join(f"{filler * 30}mem: {i}\r{line(i)}" for i in range(20, 601, 20))
    assert len(text) > 2 << 20
    pattern = MetricPattern(pattern=r"^mem: (?P<value>\d+)$")
    found = measured(tmp_path, text, mem=pattern).metrics
    assert found is not None
    assert (found["mem"].value, found["mem"].count) == (310, 20)


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("mem: (", "log.metrics.mem.pattern: is not a valid regular expression"),
        ("mem: (\\\\d+)", "log.metrics.mem.pattern: lacks the group value; add it"),
        ('", column: "mem', "log.metrics.mem: has both or neither of two; give `pattern` or"),
    ],
)
def test_a_wrong_pattern_is_refused_before_the_start(
    tmp_path: Path, git: Callable[..., str], pattern: str, told: str
) -> None:
    toy = make_suite(tmp_path, git)
    edit(toy, "  every: 10\n", f'  every: 10\n  metrics:\n    mem: {{pattern: "{pattern}"}}\n')
    done = mrbench("run", "--recipe", toy, "--dry-run", cwd=tmp_path)
    assert done.returncode == 2
    assert told in done.stderr
    place = next(n for n, text in enumerate(toy.read_text().splitlines(), 1) if "mem:" in text)
    assert f"toy.yaml:{place}: " in done.stderr


METRICS = """
  metrics:
    elapsed: {pattern: 'time: (?P<value>[\\d.]+)', unit: s, aggregation: max, description: Of one.}
    loss: {pattern: 'iter: (?P<iteration>\\d+) loss: (?P<value>\\S+)'}
    absent: {pattern: 'absent: (?P<value>\\S+)'}
"""


def test_a_run_from_the_recipe_to_the_table(tmp_path: Path, git: Callable[..., str]) -> None:
    toy = make_suite(tmp_path, git)
    edit(toy, "  every: 10\n", f"  every: 10{METRICS}")
    assert mrbench("run", "--recipe", toy, "--repeat", 2, cwd=tmp_path).returncode == 0
    runs = sorted((tmp_path / "runs" / "toys" / "toy").iterdir())
    found = json.loads((runs[0] / "record.json").read_bytes())["measurement"]["metrics"]
    assert (found["loss"]["value"], found["loss"]["count"]) == (0.5, 3)
    assert found["elapsed"]["value"] > 0
    assert found["absent"] == {
        "value": None,
        "unit": "",
        "aggregation": "mean",
        "count": 0,
        "reason": "no line of the window matches its pattern",
        "description": "",
    }

    shown = mrbench("show", runs[0], cwd=tmp_path).stdout
    assert "loss: mean 0.5, of 3 values" in shown
    assert "absent: none: no line of the window matches its pattern" in shown
    parsed = mrbench("parse", runs[0] / "train.log", "--recipe", toy, cwd=tmp_path)
    assert "\n  loss: mean 0.5, of 3 values\n" in parsed.stdout

    table = mrbench("table", "toys", cwd=tmp_path).stdout
    assert "elapsed (s)" in table
    assert "elapsed: max over the window, as the log prints it. Of one." in table
    assert "toy has no absent: no line of the window matches its pattern." in " ".join(
        table.split()
    )
    (row,) = json.loads(mrbench("table", "toys", "--json", cwd=tmp_path).stdout)
    largest = max(
        json.loads((run / "record.json").read_bytes())["measurement"]["metrics"]["elapsed"]["value"]
        for run in runs
    )
    assert row["metrics"]["elapsed"]["value"] == largest
    assert row["metrics"]["loss"]["count"] == 6
    (line,) = csv.DictReader(
        io.StringIO(mrbench("table", "toys", "--format", "csv", cwd=tmp_path).stdout)
    )
    assert (float(line["metrics.elapsed"]), line["metrics.absent"]) == (largest, "")
    chosen = mrbench("table", "toys", "--columns", "n,loss", "--json", cwd=tmp_path)
    of_ledger = {"ledger_runs": 2, "ledger_missing": False}  # both runs of the plan are shown
    assert json.loads(chosen.stdout) == [{"repeats": 2, **of_ledger, "metrics.loss": 0.5}]
    assert mrbench("table", "toys", "--filter", "loss>0.6", cwd=tmp_path).returncode != 0
    unknown = mrbench("table", "toys", "--sort", "los", cwd=tmp_path)
    assert unknown.returncode == 2
    assert "no such column or key; known: implementation," in unknown.stderr
    several = mrbench("table", "toys", "--sort", "metrics", cwd=tmp_path)
    assert (several.returncode, several.stdout) == (2, "")
    assert "that is several values; name one of them: absent, elapsed, loss" in several.stderr
    assert ", process_memory, absent, elapsed, loss, relative, " in unknown.stderr

    assert mrbench("report", "toys", "-o", "r.html", cwd=tmp_path).returncode == 0
    page = (tmp_path / "r.html").read_text()
    assert ">elapsed (s)</th>" in page
    assert "elapsed: max over the window, as the log prints it. Of one." in page

    assert mrbench("verify", runs[0], cwd=tmp_path).returncode == 0
    record = json.loads((runs[0] / "record.json").read_bytes())
    record["measurement"]["metrics"]["loss"]["value"] = 0.25
    (runs[0] / "record.json").write_text(json.dumps(record))
    seal(runs[0])
    forged = mrbench("verify", runs[0], cwd=tmp_path)
    assert forged.returncode == 7
    assert "measurement.metrics.loss.value" in forged.stdout


def test_runs_together_have_a_value_only_where_each_has() -> None:
    def run(value: float | None, aggregation: Aggregation = "mean") -> dict[str, Metric]:
        reason = "" if value else "why"
        return {"m": Metric(value=value, aggregation=aggregation, count=2, reason=reason)}

    assert of_runs([run(1), run(3)])["m"] == Metric(value=2, count=4)
    assert of_runs([run(1, "max"), run(3, "max")])["m"].value == 3
    assert of_runs([run(1, "min"), run(3, "min")])["m"].value == 1
    assert of_runs([run(1, "last"), run(3, "last")])["m"].value == 2
    none = of_runs([run(1), run(None)])["m"]
    assert (none.value, none.reason) == (None, "why")


SUITE = Suite(
    title="t",
    model="m",
    window=WINDOW,
    hardware=Hardware(accelerator="gpu", count=1, name="any"),
)


def row(name: str, rate: float | None, group: int = 1, **values: Any) -> TableRow:  # noqa: ANN401 - of a row
    nothing = dict.fromkeys(
        (
            "throughput_per_device",
            "low_throughput_per_device",
            "high_throughput_per_device",
            "low_throughput",
            "high_throughput",
            "deviation_throughput",
            "published_throughput",
            "reference",
            "ratio",
            "folder",
        )
    )
    of_all: dict[str, Any] = {
        **nothing,
        "name": name,
        "implementation": name,
        "title": name,
        "framework": "f",
        "commit": "c" * 40,
        "pinned": True,
        "gpus": 1,
        "nodes": 1,
        "accelerator": "gpu",
        "hardware": "h",
        "comparison_group": group,
        "started": "1",
        "window": "100:500",
        "throughput": rate,
        "repeats": 1,
        "run_throughput": (rate,) if rate else (),
        "failed_repeats": 0,
        "same_hardware": False,
        "status": "ok",
        "validity": "valid" if rate else "invalid",
        "reason": "",
        "notes": (),
        "slowed": (),
        "footnote": "",
        "stand_ins": (),
        "runs": (name,),
        "folders": (),
    }
    return TableRow(**of_all | values)


def front_of(rows: Sequence[TableRow]) -> list[TableRow]:
    return with_front(rows, [{"plan.per_device": i} for i, _ in enumerate(rows)])


def fronts(rows: Sequence[TableRow]) -> dict[str, tuple[str, ...] | None]:
    return {found.name: found.pareto for found in front_of(rows)}


def test_the_front_is_of_rows_that_none_dominates_within_their_group() -> None:
    peak, joules = "gpu_memory_peak_bytes", "joules_per_unit"
    rows = [
        row("fast", 9, **{peak: 9, joules: 9}),
        row("same", 9, **{peak: 9, joules: 10}),
        row("lean", 5, **{peak: 5, joules: 9}),
        row("beaten", 5, **{peak: 6}),
        row("slow", 1, **{peak: 5, joules: 1}),
        row("unknown", 10),
        row("invalid", None, **{peak: 1}),
        row("elsewhere", 1, 2, **{peak: 9}),
        row("alone", 1, 3, peak_allocated_bytes=1),
    ]
    assert fronts(rows) == {
        "fast": (peak, joules),
        "same": (peak,),
        "lean": (peak,),
        "beaten": (),
        "slow": (joules,),
        "unknown": None,
        "invalid": None,
        "elsewhere": None,
        "alone": None,
    }
    assert meaning(front_of(rows)) == (
        "*: on the Pareto front of throughput against peak GPU memory (fast, same, lean) and energy"
        " (fast, slow): no other row that it may be compared with is at least as fast with no more"
        " of it."
    )


def test_the_points_of_a_grid_are_peers_whatever_their_batch_and_precision() -> None:
    def point(name: str, rate: float, peak: int, group: int) -> TableRow:
        batch = {"batch": PlannedParameter(value=1, default=1)}
        return row(name, rate, group, gpu_memory_peak_bytes=peak, parameters=batch)

    rows = [
        point("fast", 9, 9, 1),
        point("beaten", 5, 9, 2),
        point("lean", 5, 5, 3),
        point("larger", 1, 9, 4),
        row("no point", 1, 5, gpu_memory_peak_bytes=9),
    ]
    terms: list[dict[str, object]] = [
        {"plan.per_device": n, "plan.precision": str(n), "plan.image_size": size}
        for n, size in enumerate(["96", "96", "96", "128", "96"])
    ]
    found = with_front(rows, terms)
    key = ("gpu_memory_peak_bytes",)
    assert [one.pareto for one in found] == [key, (), key, None, None]
    assert "may be compared with or of its grid is" in meaning(found)


def test_the_memory_that_most_rows_know_counts() -> None:
    rows = [
        row("a", 2, gpu_memory_peak_bytes=1, process_memory_peak_bytes=7),
        row("b", 3, process_memory_peak_bytes=8),
        row("c", 1, process_memory_peak_bytes=8),
    ]
    key = ("process_memory_peak_bytes",)
    assert fronts(rows) == {"a": key, "b": key, "c": ()}


def test_rows_on_the_front_are_marked_in_tables() -> None:
    rows = front_of(
        [row("a", 3, peak_allocated_bytes=2 << 30), row("b", 2, peak_allocated_bytes=3 << 30)]
    )
    for style in ("plain", "markdown", "rst", "html", "latex", "github"):
        text = render(SUITE, rows, style)
        assert "Pareto front" in text
        assert " b *" not in text
    lines = render(SUITE, rows, "plain").splitlines()
    assert any(text.startswith("a *") for text in lines)
    assert any(text.startswith("b ") for text in lines)


def test_the_report_draws_the_front() -> None:
    rows = front_of(
        [
            row("<b>a", 3, peak_allocated_bytes=2 << 30),
            row("b", 2, peak_allocated_bytes=3 << 30),
            row("c", 1),
        ]
    )
    chapter = Chapter(name="s", suite=SUITE, unit="images", runs=(), rows=rows)
    (figure,) = front.figures(chapter, "key")
    assert [trace["text"] for trace in figure.traces] == [["&lt;b&gt;a"], ["b"]]
    assert [trace["x"] for trace in figure.traces] == [[2], [3]]
    assert [line[-1] for line in figure.table.rows] == ["yes", "no"]
    assert "GPU memory that the framework allocated (GiB)" in figure.caption
    alone = front_of([row("a", 3, peak_allocated_bytes=2)])
    assert (
        front.figures(Chapter(name="s", suite=SUITE, unit="images", runs=(), rows=alone), "key")
        == []
    )


def test_metrics_of_several_units_are_not_sorted_together() -> None:
    mib = Metric(value=2000, unit="MiB", aggregation="max", count=1)
    gib = Metric(value=3, unit="GiB", aggregation="max", count=1)
    rows = [row("a", 2, metrics={"mem": mib}), row("b", 1, metrics={"mem": gib})]
    text = render(SUITE, rows, "plain")
    assert "max 2000 MiB" in text
    with pytest.raises(Exception, match=r"not of one kind \(max GiB, max MiB\)"):
        order(rows, "mem")
    alike = [row("a", 2, metrics={"mem": mib}), row("c", 1, metrics={"mem": mib}), row("d", 1)]
    assert [found.name for found in order(alike, "mem:desc")] == ["a", "c", "d"]
    assert "mem (MiB)" in render(SUITE, alike, "plain")


def test_a_metric_named_as_a_column_has_its_prefix() -> None:
    known = Metric(value=0.5, count=1)
    rows = [row("a", 2, metrics={"n": known})]
    assert "metrics.n" in render(SUITE, rows, "csv")
    assert [found.name for found in order(rows, "metrics.n")] == ["a"]


def test_a_metric_has_no_name_of_a_column_that_mrbench_fills(tmp_path: Path) -> None:
    assert set(RESERVED) == COLUMNS.keys() - {"mfu"}
    with pytest.raises(RecipeError, match="a column that mrbench fills itself"):
        measured(tmp_path, line(20), throughput=MEMORY)


def test_parse_takes_metrics_of_its_own(tmp_path: Path) -> None:
    log = Path(__file__).parent / "logs" / "minimask.log"
    words = ["--suite", "demo", "--metric", r"loss=loss: (?P<value>\S+)"]
    words += ["--metric", r"wait:max=data_time: (?P<value>\S+)"]
    done = mrbench("parse", log, *words, cwd=tmp_path)
    assert "\n  loss: mean 1.736, of 20 values\n  wait: max 0.0079, of 20 values\n" in done.stdout
    found = json.loads(mrbench("parse", log, *words, "--json", cwd=tmp_path).stdout)["metrics"]
    assert found["wait"]["aggregation"] == "max"
    own = f"pattern: '{PATTERN}'", "timing: interval_mean", "metrics: {m: {column: m}}"
    done = mrbench("parse", log, *(w for text in own for w in ("--as", text)), cwd=tmp_path)
    assert done.returncode == 2
    assert "log.metrics.m.column: the log has no columns; give a `pattern`" in done.stderr
    for text, told in (("loss:sum=x", "is no metric; give one as"), ("loss=x", "lacks the group")):
        done = mrbench("parse", log, "--metric", text, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert told in done.stderr


def test_texts_of_a_metric_are_other_peoples() -> None:
    hostile = Metric(value=1, count=1, unit="a|%\x1b[2J\n", description="<b>{unit}\x1b[2J")
    rows = [row("a", 2, metrics={"mem": hostile})]
    for style in ("plain", "markdown", "rst", "html", "latex", "github", "csv"):
        text = render(SUITE, rows, style)
        assert "\x1b[2J" not in text
        assert style not in ("html", "markdown", "github") or "<b>" not in text
    assert "mem (a\\|%" in render(SUITE, rows, "markdown")
    assert "{unit}" in render(SUITE, rows, "plain")
    forged = {"status": "ok", "metrics": {"a\x1b[2J": {"value": 1}}}
    with pytest.raises(msgspec.ValidationError, match=r"Expected `str` matching"):
        msgspec.convert(forged, Measurement)
