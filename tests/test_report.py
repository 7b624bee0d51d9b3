"""The report's parts: what is drawn is what was measured, hostile records stay text, sizes."""

import hashlib
import json
import os
import re
import shutil
import sys
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrbench import cli
from mrbench.record.rundir import RunDir
from mrbench.results.report import gather, iterations, machine, page
from mrbench.results.report.figures import course, during, ranking
from mrbench.results.report.figures.base import STYLES, downsample, style_of
from reported import HOSTILE, KEPT, change, hostile, kept, many
from toy import mrbench

Record = dict[str, Any]


def newest(runs: Path) -> Path:
    return max(runs.glob("toys/toy/*"), key=lambda p: p.name)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Return a folder of runs with the kept ones."""
    return kept(tmp_path / "runs")


def payload(text: str) -> dict[str, Any]:
    (found,) = re.findall(
        r'<script type="application/json" id="report">(.*?)</script>', text, re.DOTALL
    )
    read: dict[str, Any] = json.loads(found)
    return read


@given(
    st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), max_size=400),
    st.integers(2, 60),
)
def test_thinned_series_keep_extremes_gaps_and_ends(values: list[float | None], most: int) -> None:
    places = downsample(range(len(values)), values, most)
    assert places == sorted(set(places))
    assert len(places) <= max(most, 3 * most // 2 + 2)
    if len(values) <= most:
        assert places == list(range(len(values)))
        return
    known = [v for v in values if v is not None]
    left = [values[i] for i in places]
    if known:
        assert {min(known), max(known)} <= set(left)
    assert (None in left) == (None in values)
    assert places[0] == 0
    assert places[-1] == len(values) - 1


def test_no_two_lines_of_a_figure_share_colour_and_dash() -> None:
    assert len({style_of(i) for i in range(STYLES)}) == STYLES


def test_a_suite_says_what_it_is_and_what_it_has_no_section_for(runs: Path) -> None:
    (run,) = (runs / "smoke" / "simpledet").iterdir()
    text = page.build(gather.gather([str(run)], runs))
    assert "This suite is no comparison of speed" in text
    assert "No section for: Data loading and the rest (no log reports the wait for data)" in text
    assert "Energy</h3>" not in text
    assert len(text.encode()) < 2e6


def test_courses_share_their_axis_and_show_the_window_of_each_run(runs: Path) -> None:
    (run,) = (runs / "smoke" / "simpledet").iterdir()
    copy = shutil.copytree(run, run.with_name("other"))

    def alter(record: Record) -> None:
        record["id"] += "-other"
        record["measurement"] |= {"first": 32, "last": 51}

    change(copy, alter)
    (chapter,) = gather.gather([], runs).chapters
    figures = course.figures(chapter, "smoke", 100)
    assert len({json.dumps(figure.layout["yaxis"]) for figure in figures}) == 1
    (two,) = (figure for figure in figures if figure.title == "simpledet")
    shades = [(s["x0"], s["x1"]) for s in two.layout["shapes"]]  # type: ignore[attr-defined]
    assert shades == [(21, 61), (31, 51)]
    assert [entry.label.partition(", window ")[2] for entry in two.legend] == [
        "22\u201361",
        "32\u201351",
    ]


def test_panels_of_the_machine_share_their_axes(runs: Path) -> None:
    (chapter,) = gather.gather([], runs).chapters
    tops = during.tops(chapter.runs)
    axes = set()
    for run in chapter.runs:
        figure = during.figure(run, "", "", 100, tops)
        assert figure
        axes.add(tuple(str(figure.layout[f"yaxis{n}"]["range"]) for n in ("", 2, 3)))  # type: ignore[index]
        for trace in figure.traces[1:]:
            panel = {"y2": machine.CORES, "y3": machine.MEMORY}[str(trace["yaxis"])]
            assert all(y is None or y <= tops[panel] for y in trace["y"])  # type: ignore[attr-defined]
    assert len(axes) == 1


def test_memory_and_energy_are_columns_where_any_run_has_them(runs: Path, trained: Path) -> None:
    heads = re.compile(r"<th scope=.col. class=.number.>(.*?)</th>")
    on_cpu, on_gpus = (page.build(gather.gather([], folder)) for folder in (runs, trained))
    assert heads.findall(on_cpu) == ["img/s", "Process memory (GiB)", "Runs"]
    found = heads.findall(on_gpus)
    assert found[1:4] == ["J/image", "GPU memory (GiB)", "Process memory (GiB)"]
    (chapter,) = gather.gather([], trained).chapters
    for row in chapter.rows:
        assert f'data-label="J/image">{row.joules_per_unit:.3g}</td>' in on_gpus
    assert "J/image: joules that the GPUs took" in on_gpus


def test_runs_of_other_batches_say_so_and_those_of_earlier_plans_are_counted(runs: Path) -> None:
    (run,) = (runs / "smoke" / "simpledet").iterdir()
    copy = shutil.copytree(run, run.with_name("earlier"))

    def alter(record: Record) -> None:
        record |= {"id": record["id"] + "-earlier", "plan_digest": "2" * 64}
        record["started"] = "2026-11-24T10:00:00.000Z"
        record["plan"] |= {"work_per_iteration": 7}

    change(copy, alter)
    found = gather.gather([], runs)
    labels = {run.called: run.label for chapter in found.chapters for run in chapter.runs}
    assert labels[str(copy)] == "2026-11-24 10:00:00, 1 device, 7 images per iteration"
    assert labels[str(run)].endswith(", 1 image per iteration")
    assert sum("per iteration" in label for label in labels.values()) == 2
    text = page.build(found)
    assert "9 valid runs, 8 of them in 8 rows; the others are earlier, of another plan" in text
    folded = text[text.index('<details class="more"') :]
    assert "The other runs (1)" in folded
    assert "<h4>simpledet, 2026-11-24 10:00:00" in folded


def test_a_report_speaks_of_the_unit_that_its_runs_count(runs: Path) -> None:
    (run,) = (runs / "smoke" / "simpledet").iterdir()

    def alter(record: Record) -> None:
        record["plan"] |= {"unit": "tokens", "work_per_iteration": 256}

    def earlier(record: Record) -> None:
        record |= {"id": record["id"] + "-earlier", "plan_digest": "2" * 64}
        record["plan"] |= {"work_per_iteration": 512}

    change(run, alter)
    change(shutil.copytree(run, run.with_name("earlier")), earlier)
    text = page.build(gather.gather([str(run), str(run.with_name("earlier"))], runs))
    assert "Tokens per second between two log lines" in text
    assert "256 tokens per iteration" in text
    assert "Images per second between" not in text


def test_ratios_are_to_the_fastest_row_that_may_be_compared(runs: Path) -> None:
    (run,) = (runs / "smoke" / "simpledet").iterdir()
    copy = shutil.copytree(run, runs / "smoke" / "twice" / run.name)

    def alter(record: Record) -> None:
        record |= {"id": f"smoke/twice/{run.name}", "plan_digest": "2" * 64}
        record["plan"] |= {"implementation": "twice", "gpus": 2}

    change(copy, alter)
    (chapter,) = gather.gather([], runs).chapters
    rows = ranking.ranked(chapter)
    shares = {r.name: s for r, s in zip(rows, ranking.to_fastest(rows), strict=True)}
    best, other = rows[0], next(row for row in rows if row.name == "simpledet")
    assert shares[best.name].ratio == 1
    assert other.throughput
    assert best.throughput
    expected = other.throughput / best.throughput
    assert shares["simpledet"].ratio == pytest.approx(expected)
    assert (shares["twice x2"].ratio, shares["twice x2"].why) == (
        None,
        "another number of devices (2 / 1)",
    )


@pytest.mark.parametrize("name", sorted(p.name for p in (KEPT / "smoke").iterdir()))
def test_the_curve_adds_up_to_the_number(name: str) -> None:
    (path,) = (KEPT / "smoke" / name).iterdir()
    found = gather.gather([str(path)], KEPT)
    (run,) = found.chapters[0].runs
    begin, end = run.curve.window or (0, 0)
    inside = [p for p in run.curve.pieces if p.first >= begin and p.last <= end]
    seconds = sum((p.last - p.first) / (p.throughput or 0) for p in inside)
    assert (end - begin) / seconds == pytest.approx(run.record.throughput, rel=1e-9)


def test_rows_are_those_of_the_table(runs: Path) -> None:
    shown = mrbench("table", "--suite", "smoke", "--runs", runs, "--format", "json", cwd=runs)
    done = mrbench("report", "smoke", "--runs", runs, "-o", runs / "r.html", cwd=runs)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"\S+r\.html: 8 runs, \d\.\d MiB\n", done.stdout)
    rows = payload((runs / "r.html").read_text())["rows"]
    table = json.loads(shown.stdout)
    keys = rows[0].keys() & table[0].keys() - {"folder", "folders"}  # each in its own words
    assert keys >= {"implementation", "throughput", "validity", "notes", "runs", "footnote"}
    assert [{k: row[k] for k in keys} for row in rows] == [
        {k: row[k] for k in keys} for row in table
    ]


def test_an_invalid_run_is_told_with_its_reason_and_not_ranked(runs: Path) -> None:
    run = next((runs / "smoke" / "tensorpack").iterdir())
    why = "GPUs: 4 by the log, 8 by the plan"
    verdict = {"verdict": "invalid", "why": why, "notes": [], "findings": []}
    change(run, lambda record: record.update(validity=verdict))
    (chapter,) = gather.gather(["smoke"], runs).chapters
    figure = ranking.figure(chapter, "ranking")
    assert figure
    assert "tensorpack" not in json.dumps(figure.spec({}))
    text = page.build(gather.gather(["smoke"], runs))
    assert why in text
    assert "1 is not valid" in text


def test_iterations_and_telemetry_share_their_seconds(trained: Path) -> None:
    (chapter,) = gather.gather(["toys"], trained).chapters
    for run in chapter.runs:
        began_s, ended_s = during.span(run) or (0.0, 0.0)
        by_mark = [run.curve.at(i) for i in run.curve.window or ()]
        assert [began_s, ended_s] == pytest.approx(by_mark)
        busy = [line for line in run.activity.lines if line.panel == "Utilisation"]
        assert len(busy) == run.plan.gpus
        assert run.record.telemetry
        means = {
            f"GPU {gpu.index}": gpu.utilisation_percent.mean
            for gpu in run.record.telemetry.gpus or ()
            if gpu.utilisation_percent
        }
        for line in busy:
            values = line.within(began_s, ended_s)
            assert sum(values) / len(values) == pytest.approx(means[line.name])


def test_machines_of_several_nodes_share_them_too(trained: Path, tmp_path: Path) -> None:
    run = shutil.copytree(newest(trained), tmp_path / "runs" / "toys" / "toy" / "nodes")
    change(run, lambda record: record["plan"].update(gpus=16))
    lines = [json.loads(line) for line in (run / "telemetry.jsonl").read_text().splitlines()]
    later_ns = 5_000_000_000_000
    lines[0]["host"] = "second"
    for line in lines:
        line["monotonic_ns"] += later_ns  # another machine began earlier; its time of day agrees
    text = "".join(json.dumps(line) + "\n" for line in lines)
    RunDir(run).telemetry_of("second").write_text(text)
    (found,) = gather.gather([str(run)], tmp_path / "runs").chapters[0].runs
    busy = {line.name: line for line in found.activity.lines if line.panel == "Utilisation"}
    assert len(busy) == 16
    here, there = (next(n for n in busy if n.startswith("GPU ") is ok and ("second" in n) is far)
                   for ok, far in ((True, False), (True, True)))  # fmt: skip
    assert busy[there].seconds == pytest.approx(busy[here].seconds)


DAMAGED: dict[str, Callable[[Record], object]] = {
    "no plan": lambda r: r.pop("plan"),
    "a text for a mapping": lambda r: r.update(plan="plan"),
    "a list for a mapping": lambda r: r.update(measurement=[1]),
    "a mapping for a number": lambda r: r["measurement"].update(throughput={}),
    "no GPUs at all": lambda r: r["plan"].update(gpus=0),
    "a number beyond any": lambda r: r["measurement"].update(iterations=10**400),
    "a negative rate": lambda r: r["measurement"].update(throughput=-1.0),
    "no suite": lambda r: r.pop("suite"),
    "a suite of other keys": lambda r: (r.update(suite={"a": 1}), r["plan"].update(suite="x")),
    "notes that are none": lambda r: r.update(validity={"verdict": "valid", "notes": 3}),
    "findings that are none": lambda r: r.update(validity={"verdict": "valid", "findings": [1]}),
    "a name that is a list": lambda r: r["plan"].update(implementation=["a"]),
    "an id that is a number": lambda r: r.update(id=4),
    "telemetry that is none": lambda r: r.update(telemetry={"gpus": [1]}),
    "problems that are none": lambda r: r.update(telemetry={"problems": 1}),
}


@pytest.mark.parametrize("damage", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_record_is_left_out_and_told(
    runs: Path, damage: Callable[[Record], object], capsys: pytest.CaptureFixture[str]
) -> None:
    broken = change(next((runs / "smoke" / "detectron2").iterdir()), damage)
    code = cli.main(["report", "--runs", str(runs), "-o", str(runs / "r.html")])
    told = capsys.readouterr()
    assert code in (1, 2)
    assert "7 runs" in told.out
    (line,) = told.err.splitlines()
    assert line.startswith(f"mrbench: left out: {broken}: ")
    assert "Left out</h2>" in (runs / "r.html").read_text()


@pytest.mark.parametrize("lost", ["train.log.gz", "train.stamps.gz", "plan.json"])
def test_a_run_without_one_of_its_files_is_still_ranked(runs: Path, lost: str) -> None:
    run = next((runs / "smoke" / "detectron2").iterdir())
    (run / lost).unlink()
    (chapter,) = gather.gather([], runs).chapters
    (found,) = [r for r in chapter.runs if r.plan.implementation == "detectron2"]
    assert found.counts
    if lost != "train.stamps.gz":
        assert found.curve.problem
    page.build(gather.gather([], runs))


@pytest.mark.parametrize("line", ['{"monotonic_ns": "x"}', "[1]", "{", '{"monotonic_ns": 1}'])
def test_telemetry_that_is_none_is_told(trained: Path, tmp_path: Path, line: str) -> None:
    run = shutil.copytree(newest(trained), tmp_path / "runs" / "toys" / "toy" / "a")
    text = (run / "telemetry.jsonl").read_text().splitlines()
    (run / "telemetry.jsonl").write_text("\n".join([text[0], line, *text[1:]]) + "\n")
    (found,) = gather.gather([str(run)], tmp_path / "runs").chapters[0].runs
    assert not found.activity.lines
    assert "telemetry" in found.activity.problems[0]


def test_failed_and_unfinished_runs_are_told(runs: Path) -> None:
    failed = next((runs / "smoke" / "detectron").iterdir())
    failure = {
        "cause": "gpu_out_of_memory",
        "status": "out_of_memory",
        "line": "RuntimeError: CUDA out of memory",
        "remedy": "use a smaller batch",
    }
    change(
        failed,
        lambda record: record.update(
            status="out_of_memory",
            reason="gpu out of memory",
            measurement={"status": "out_of_memory", "failure": failure, "warnings": []},
        ),
    )
    unfinished = next((runs / "smoke" / "matterport").iterdir())
    (unfinished / "record.json").unlink()
    found = gather.gather([], runs)
    text = page.build(found)
    assert "CUDA out of memory" in text
    assert "use a smaller batch" in text
    (left,) = found.left_out
    assert (left.name, left.exit_code) == (str(unfinished), 0)
    assert "has no record" in text


def test_texts_of_records_stay_text(runs: Path) -> None:
    hostile(next((runs / "smoke" / "detectron2").iterdir()), runs / "smoke")
    text = page.build(gather.gather([], runs))
    assert "<img" not in text.partition('id="report">')[0]
    assert "\x1b" not in text
    (data,) = re.findall(r'id="report">(.*?)</script>', text, re.DOTALL)
    assert "<" not in data
    names = {run["implementation"] for run in payload(text)["runs"]}
    assert HOSTILE.replace("\u202e", "\ufffd").replace("\x1b", "\ufffd") in names


def test_only_the_pages_own_scripts_may_run(runs: Path) -> None:
    text = page.build(gather.gather([], runs))
    allowed = set(re.findall(r"sha256-([\w+/=]+)", text.partition("</head>")[0]))
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digests = {b64encode(hashlib.sha256(s.encode()).digest()).decode() for s in scripts}
    assert len(scripts) == 2
    assert digests == {d.replace("&#43;", "+") for d in allowed}
    assert "default-src &#39;none&#39;" in text


def test_fifty_runs_with_eight_gpus_stay_below_8_mb(trained: Path, tmp_path: Path) -> None:
    runs = many(newest(trained), tmp_path / "runs", 50)
    found = gather.gather([], runs)
    assert [len(chapter.runs) for chapter in found.chapters] == [50]
    text = page.build(found)
    assert len(text.encode()) < 8e6
    assert len(payload(text)["figures"]) > 100


def test_names_are_of_suites_runs_and_archives(runs: Path, tmp_path: Path) -> None:
    run = next((runs / "smoke" / "simpledet").iterdir())
    archive = tmp_path / "run.tar.gz"
    for suffix in (".log", ".stamps"):  # as a run has them, not as they are kept
        import gzip

        packed = run / f"train{suffix}.gz"
        (run / f"train{suffix}").write_bytes(gzip.decompress(packed.read_bytes()))
        packed.unlink()
    done = mrbench("pack", run, "-o", archive, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for name in (run.name, str(run), f"smoke/simpledet/{run.name}", str(archive)):
        (chapter,) = gather.gather([name], runs).chapters
        assert [r.plan.implementation for r in chapter.runs] == ["simpledet"]
        assert chapter.runs[0].curve.pieces
    twice = gather.gather([str(run), str(run)], runs)
    assert len(twice.chapters[0].runs) == 1


def test_nothing_to_report_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["report", "--runs", str(tmp_path)]) == 1
    assert "no runs of any suite; `mrbench run --suite demo` makes one" in capsys.readouterr().err
    assert cli.main(["report", "nowhere", "--runs", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert "no run 'nowhere'" in told
    assert "no report was written; none of these runs could be read" in told


def test_where_it_cannot_be_written_is_said(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["report", "--runs", str(runs), "-o"]
    assert cli.main([*words, str(runs / "no" / "r.html")]) == 1
    assert "no: no such folder; make it, or choose another with -o" in capsys.readouterr().err
    assert cli.main([*words, str(runs)]) == 1
    assert f"{runs}: Is a directory" in capsys.readouterr().err
    fifo = runs / "fifo"
    os.mkfifo(fifo)
    with ThreadPoolExecutor() as pool:
        page = pool.submit(fifo.read_bytes)
        assert cli.main([*words, str(fifo)]) == 0
        assert page.result().startswith(b"<!doctype html>")
    assert fifo.is_fifo()


@pytest.mark.parametrize("missing", ["jinja2", "plotext"])
def test_without_the_extra_one_line_says_what_to_install(
    runs: Path, missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # as if it were not installed; an environment without it would take a minute to make
    monkeypatch.setitem(sys.modules, missing, None)
    run = str(next((runs / "smoke" / "simpledet").iterdir()))
    shows = missing == "plotext"
    assert cli.main(["show", run, "--plot"] if shows else ["report", run, "-o", f"{runs}/r"]) == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(f"{missing}: pip install 'mrbench[report]'")


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_show_plots_into_a_pipe(
    trained: Path, columns: int, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    done = mrbench("show", newest(trained), "--plot", cwd=trained)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert done.stdout.isascii() == (encoding == "ascii")
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= columns
    assert "window, iterations 11 to 110" in done.stdout.replace("\n", " ")
    assert "mean of 8 GPUs" in done.stdout.replace("\n", " ")
    assert any(line.count("|") + line.count("\u2502") >= 4 for line in lines)  # frame and window


def test_show_plots_a_run_without_a_log(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = next((runs / "smoke" / "simpledet").iterdir())
    (run / "train.log.gz").unlink()
    assert cli.main(["show", str(run), "--plot"]) == 0
    assert capsys.readouterr().out.startswith("Nothing to draw: ")


def palettes() -> list[tuple[str, dict[str, str]]]:
    style = (Path(page.__file__).parent / "page.css").read_text()
    parts = re.findall(r"\n +color-scheme: (\w+);([^}]*)}", style)
    assert [scheme for scheme, _ in parts] == ["light", "dark"]
    return [(scheme, dict(re.findall(r"--(\w+): (#\w{6})", text))) for scheme, text in parts]


@pytest.mark.parametrize(("scheme", "colours"), palettes())
def test_contrast_is_enough(scheme: str, colours: dict[str, str]) -> None:
    def light(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    def contrast(one: str, other: str) -> float:
        low, high = sorted((light(colours[one]), light(colours[other])))
        return (high + 0.05) / (low + 0.05)

    for ground in ("paper", "panel"):
        for text in ("text", "soft", "link", "good", "warn", "bad"):
            assert contrast(text, ground) >= 4.5, (scheme, text, ground)
    for i in range(8):
        assert contrast(f"c{i}", "paper") >= 3, (scheme, i)


def test_stretches_of_slowing_are_joined() -> None:
    on = [False, True, True, False, True]
    assert machine._stretches([0, 1, 2, 3, 4], on) == [(1, 3), (4, 4)]


def test_a_log_that_begins_anew_has_a_gap() -> None:
    piece = iterations.Piece(0, 10, 5.0, None, None)
    rates = [p.throughput for p in course._gapped([piece, piece])]
    assert rates == [None, 5.0, 5.0, None, 5.0, 5.0]
