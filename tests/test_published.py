"""A number by somebody's rule, beside work over time of the same log, and why they differ."""

import json
import math
from pathlib import Path

import pytest
from msgspec.structs import replace

from manyruns import KEPT
from mrbench import api
from mrbench.cli.commands.schema import make_schema
from mrbench.errors import RecipeError
from mrbench.measure.anylog import KnownLog, parse_log
from mrbench.measure.parsers import resolve_format
from mrbench.measure.published import apply as applying
from mrbench.measure.published.lines import Line, chosen, compiled, deduped
from mrbench.measure.published.reading import log_of
from mrbench.model.inputs import Window
from mrbench.model.logformat import LogFormat
from mrbench.model.published import ByRule, Lines, PublishedRule
from mrbench.model.suite import Reference, Suite
from mrbench.recipe import published, yamlfile
from mrbench.record import rundir
from mrbench.results import byrule
from mrbench.results.rows import make_rows, table_run
from mrbench.results.table import render
from toy import mrbench

# Of MaxText's guide to its logs (Apache-2.0), docs/guides/monitoring_and_debugging/
# understand_logs_and_metrics.md at e591f30.
MAXTEXT = """\
completed step: 0, seconds: 44.923, TFLOP/s/device: 17.022, Tokens/s/device: 1094.129
completed step: 1, seconds: 0.319, TFLOP/s/device: 2400.734, Tokens/s/device: 154316.608
completed step: 2, seconds: 5.658, TFLOP/s/device: 135.158, Tokens/s/device: 8687.815
completed step: 3, seconds: 5.402, TFLOP/s/device: 141.542, Tokens/s/device: 9098.189
completed step: 4, seconds: 5.669, TFLOP/s/device: 134.884, Tokens/s/device: 8670.207
completed step: 5, seconds: 5.668, TFLOP/s/device: 134.909, Tokens/s/device: 8671.794
completed step: 6, seconds: 5.668, TFLOP/s/device: 134.914, Tokens/s/device: 8672.153
completed step: 7, seconds: 5.669, TFLOP/s/device: 134.882, Tokens/s/device: 8670.101
completed step: 8, seconds: 5.668, TFLOP/s/device: 134.911, Tokens/s/device: 8671.946
completed step: 9, seconds: 5.667, TFLOP/s/device: 134.924, Tokens/s/device: 8672.758
"""


def by_rule(
    tmp_path: Path, text: str, name: str, window: str = "2:10", **changes: object
) -> ByRule:
    log = tmp_path / "train.log"
    log.write_text(text)
    rule = replace(published.load(name), **changes)
    known = log_of(rule)
    first, last = map(int, window.split(":"))
    measured = parse_log(
        log,
        recipes={name: KnownLog(known)} if known else {},
        window=Window(first=first, last=last),
        implementation=name if known else None,
    ).measurement
    return applying.apply(rule, name, log, known, measured)


def product(by: ByRule, *, window: bool) -> float:
    """Return what the effects multiply to, with that of mrbench's window or without it."""
    return math.prod(e.factor for e in by.effects if window or e.cause != "window")


def nanogpt(steps: int, every: int) -> str:
    """Return a log of steps of 0.1 s, of which each `every`-th holds an evaluation of 5 s."""
    lines = []
    for step in range(steps):
        slow = step > 0 and step % every == 0
        seconds = 5.1 if slow else 0.1
        lines += ["validation loss: 3.1416"] if slow else []
        lines.append(
            f"step {step:5d} | loss: 3.1 | dt: {1000 * seconds:.2f}ms |"
            f" tok/sec: {1000 / seconds:.2f}"
        )
    return "\n".join(lines) + "\n"


def test_a_mean_of_rates_hides_the_evaluations(tmp_path: Path) -> None:
    by = by_rule(tmp_path, nanogpt(200, 50), "nanogpt-mean", "100:149")
    slow, usual = 1000 / 5.1, 10_000
    assert by.number == pytest.approx((197 * usual + 3 * slow) / 200, rel=1e-4)
    assert by.whole_log == pytest.approx(200_000 / (197 * 0.1 + 3 * 5.1), rel=1e-4)
    assert by.unit == "tokens/s"
    assert [e.cause for e in by.effects] == ["evaluation", "window"]
    assert "3 lines of 200 hold 43.7% of the time" in by.effects[0].text
    assert product(by, window=False) == pytest.approx(1 + (by.difference or 0), rel=2e-3)
    assert product(by, window=True) == pytest.approx(1 + (by.difference_to_ours or 0), rel=2e-3)


def test_rates_of_a_log_that_prints_times_need_the_work_of_an_iteration(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    log.write_text(nanogpt(200, 50))
    rule = replace(published.load("nanogpt-mean"), pattern=None)
    for work, number in ((None, None), (1000, (197 * 10_000 + 3 * 1000 / 5.1) / 200)):
        known = {"own": KnownLog(rule.log or LogFormat())}
        window = Window(first=100, last=149)
        parsed = parse_log(
            log,
            recipes=known,
            window=window,
            implementation="own",
            work_per_iteration=work,
            unit="tokens",
        )
        by = applying.apply(rule, "own", log, rule.log, parsed.measurement)
        assert by.number == (number and pytest.approx(number))
        assert ("how many tokens an iteration has" in by.reason) == (work is None)


def test_mrbenchs_number_beside_a_rule_is_the_one_that_it_prints(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    log.write_text(
        "".join(
            f"step {i:05}/00600 (1.00%) | loss: 3.1 | dt: {9000 if i == 0 else 100}.00ms |"
            f" tok/sec: {111 if i == 0 else 10_000:,} | total time: {i * 0.1 / 60:.2f}m\n"
            for i in range(600)
        )
    )
    own = mrbench("parse", str(log), cwd=tmp_path).stdout
    assert "10000.000 tokens/s" in own
    for name in ("nanochat", "nanochat-line"):
        with_rule = mrbench("parse", str(log), "--rule", name, cwd=tmp_path).stdout
        assert with_rule.endswith(own)
    # a slow line has the coarsest rate: 111 tokens/s in 9 s would be 999 tokens
    assert "mrbench, iterations 101-500: 10,000 tokens/s; the same as by the rule" in with_rule


def test_a_rule_for_other_logs_changes_nothing_of_mrbenchs_part(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    for text in ("hello\n", "ModuleNotFoundError: No module named 'triton'\n"):
        log.write_text(text)
        own = mrbench("parse", str(log), cwd=tmp_path).stdout
        beside = mrbench("parse", str(log), "--rule", "nanochat", cwd=tmp_path).stdout
        assert beside.endswith(own)


def test_a_rule_for_whole_logs_gives_none_for_others(tmp_path: Path) -> None:
    def text(every: int, end: int) -> str:
        return "".join(
            f" iteration {i:8}/     600 | elapsed time per iteration (ms): 100.0 |\n"
            for i in range(every, end + 1, every)
        )

    whole = by_rule(tmp_path, text(1, 600), "dgxc-benchmarking")
    assert whole.number == pytest.approx(0.1)
    assert (whole.lines, whole.reason) == (10, "")
    sparse = by_rule(tmp_path, text(10, 600), "dgxc-benchmarking")
    assert (sparse.number, "9 of these 10 have none" in sparse.reason) == (None, True)
    cut = by_rule(tmp_path, text(1, 50), "dgxc-benchmarking")
    assert (cut.number, "it ends at 50 of 600" in cut.reason) == (None, True)


def test_a_line_outside_of_what_the_log_times_is_named(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    log.write_text(
        "".join(f"iter {i}: loss 3.1, time {100 if i else 2100}.00ms\n" for i in range(601))
    )
    pattern = r"iter (?P<iteration>\d+): .*time (?P<value>[\d.]+)ms"
    rule = replace(
        published.load("litgpt-last"), lines=Lines(all=True), statistic="mean", pattern=pattern
    )
    # it times iterations from 1 on
    known = LogFormat(pattern=pattern, timing="interval_mean", unit="ms")
    window = Window(first=100, last=500)
    parsed = parse_log(log, recipes={"own": KnownLog(known)}, window=window, implementation="own")
    by = applying.apply(rule, "own", log, known, parsed.measurement)
    assert by.number == pytest.approx((2.1 + 600 * 0.1) / 601)
    assert [e.cause for e in by.effects] == ["lines"]
    assert "1 line of iteration 0" in by.effects[0].text
    assert product(by, window=False) == pytest.approx(1 + (by.difference or 0))


def test_a_rule_without_log_times_the_whole_log_by_its_detected_format(tmp_path: Path) -> None:
    lines = [
        f"step {i:5d} | loss: 3.1 | dt: {s:.2f}ms | tok/sec: {1e6 / s:.2f}"
        for i, s in enumerate([34_000, *[100] * 600])
    ]
    text = (
        "title: mine\nsource: a page\nlines: {all: true}\nof: rate\nstatistic: mean\n"
        "unit: tokens\nper: job\n"
        "pattern: '(step|Step) +(?P<iteration>\\d+) .*: (?P<value>[\\d.]+)'\n"
    )

    def parsed(name: str, lines: list[str], rule: str) -> ByRule:
        log, path = tmp_path / f"{name}.log", tmp_path / f"{name}.yaml"
        log.write_text("\n".join(lines) + "\n")
        path.write_text(rule)
        by = api.parse_log(log, rule=str(path)).by_rule
        assert by is not None
        return by

    by = parsed("own", lines, text)
    said = parsed("said", lines, f"{text}log: {{format: build-nanogpt}}\n")
    assert by.whole_log == said.whole_log == pytest.approx(601 * 1000 / (34 + 60), rel=1e-4)
    assert by.effects == said.effects
    unknown = parsed("unknown", [line.replace("step", "Step") for line in lines], text)
    assert (unknown.number, unknown.whole_log) == (by.number, None)
    assert "of a format that mrbench knows" in unknown.notes[0]
    # a line each ten iterations tells of the last one alone
    sparse = parsed("sparse", lines[::10], text)
    assert (sparse.whole_log, sparse.ours) == (None, None)
    assert "time only 1 of the 601 iterations" in sparse.notes[0]
    # the format's rates are those of one device, the rule's those of all
    titan = [f"step: {i}  loss: 7.0  tps: 100  mfu: 5%  all: 800" for i in range(1, 601)]
    of_all = parsed("titan", titan, text.replace("step|Step) +", "step): "))
    assert (of_all.number, of_all.whole_log) == (800, None)
    assert "reads rates alone" in of_all.notes[0]


def test_the_last_line_may_be_an_evaluation(tmp_path: Path) -> None:
    last = {"lines": Lines(last=True), "statistic": "single"}
    by = by_rule(tmp_path, nanogpt(201, 50), "nanogpt-mean", "100:149", **last)
    assert by.number == pytest.approx(1000 / 5.1, rel=1e-4)
    (single,) = (e for e in by.effects if e.cause == "single_line")
    assert "iteration 200 takes 51 times the median (evaluation or checkpoint)" in single.text
    assert single.factor < 0.05
    assert product(by, window=False) == pytest.approx(1 + (by.difference or 0), rel=2e-3)


def test_a_clock_that_begins_anew_leaves_out_the_compiling(tmp_path: Path) -> None:
    lines = ["step:0/1000 val_loss:10.8 train_time:0ms step_avg:nanms"]
    for step in range(1, 1001):
        shown = 60_000 + 100 * step if step <= 10 else 100 * (step - 10)
        lines.append(f"step:{step}/1000 train_time:{shown}ms step_avg:100ms")
    lines.append("step:1000/1000 val_loss:3.2 train_time:99000ms step_avg:100ms")
    by = by_rule(tmp_path, "\n".join(lines) + "\n", "modded-nanogpt", "100:500")
    assert by.number == pytest.approx(99)
    assert by.unit == "s"
    assert by.whole_log == pytest.approx(99 + 61)
    assert by.difference == pytest.approx(160 / 99 - 1)
    timer = by.effects[0]
    assert timer.cause == "timer"
    assert timer.factor == pytest.approx(160 / 99)
    assert "leaves out 61 s of 160 s: it begins anew before iteration 11" in timer.text
    assert by.ours == pytest.approx(100)


def test_steps_that_are_only_dispatched_do_not_lead(tmp_path: Path) -> None:
    by = by_rule(tmp_path, MAXTEXT, "primus-daily-maxtext")
    seconds = 44.923 + 0.319 + 5.658 + 5.402 + 3 * 5.668 + 2 * 5.669 + 5.667
    assert by.number == pytest.approx(22522.57, abs=0.01)
    assert by.whole_log == pytest.approx(10 * 49152 / seconds, rel=1e-4)
    assert [e.cause for e in by.effects] == ["compile", "dispatch", "window"]
    assert by.ours == pytest.approx(8724.7, abs=0.1)  # steps 2 to 9
    single = by_rule(tmp_path, MAXTEXT, "maxtext")
    assert (single.number, single.first, single.lines) == (8672.758, 9, 1)
    assert [e.cause for e in single.effects] == ["compile", "dispatch", "single_line", "window"]
    for each in (by, single):
        assert product(each, window=False) == pytest.approx(1 + (each.difference or 0), rel=2e-3)
        assert product(each, window=True) == pytest.approx(
            1 + (each.difference_to_ours or 0), rel=2e-3
        )


def test_numbers_below_the_line_of_their_step_are_read(tmp_path: Path) -> None:
    """As Composer prints them: its clock has 4 decimals of an hour."""
    lines: list[str] = []
    train_s = val_s = 0.0
    for batch in range(1, 101):
        train_s += 2.0
        lines += [f"[batch={batch}/100]:", f"\t Train time/batch: {batch - 1}"]
        lines += ["\t Train throughput/samples_per_sec: 16.0000"] if batch > 10 else []
        lines += ["\t Train throughput/device/samples_per_sec: 2.0000"] if batch > 10 else []
        for name, seconds in (("train", train_s), ("val", val_s), ("total", train_s + val_s)):
            lines.append(f"\t Train time/{name}: {seconds / 3600:.4f}")
        if batch == 50:
            lines += ["[Eval batch=1/1] Eval on eval data:", "\t Eval metrics/eval/loss: 9.1"]
            val_s = 100.0
    by = by_rule(tmp_path, "\n".join(lines) + "\n", "llm-foundry", "20:40")
    assert (by.number, by.last, by.unit) == (16, 100, "samples/s")
    assert by.whole_log == pytest.approx(100 * 32 / 300, rel=2e-3)
    assert by.ours == pytest.approx(16, rel=0.02)
    assert by.effects[0].cause == "evaluation"
    assert product(by, window=False) == pytest.approx(1 + (by.difference or 0), rel=2e-3)


def test_what_a_publisher_does_not_say_is_a_reason(tmp_path: Path) -> None:
    titan = "".join(f"step: {i:2}  loss: 7.0  tps: 10,9{i}  mfu: 56%\n" for i in range(10, 100, 10))
    unknown = by_rule(tmp_path, titan, "torchtitan-async-tp")
    assert unknown.number is None
    assert unknown.reason == "its publisher does not say lines and statistic"
    read = by_rule(tmp_path, titan, "torchtitan-llama3")
    assert (read.number, read.unit) == (10990, "tokens/s per device")
    absent = by_rule(tmp_path, titan, "torchtitan-trainy")
    assert absent.number is None
    assert absent.reason == (
        "no line of iteration 100: the log has 9 lines, of iterations 10 to 90"
    )
    other = by_rule(tmp_path, MAXTEXT, "torchtitan-llama3")
    assert other.reason == "no line of the log matches the rule's pattern"


def test_a_pair_of_numbers_is_read_as_the_tool_reads_it(tmp_path: Path) -> None:
    text = "".join(
        f" iteration {i:8}/     500 | elapsed time per iteration (ms): 1000.0/1000.0 |"
        f" tokens per GPU (tokens/s/GPU): 246.7/238.1 |\n"
        for i in range(1, 21)
    )
    assert by_rule(tmp_path, text, "primus-report").number == pytest.approx(242.4)
    assert by_rule(tmp_path, text, "primus-auto").number == pytest.approx(246.7)
    most = by_rule(tmp_path, text, "primus-report", value="max")
    assert most.number == pytest.approx(246.7)


def test_which_lines_count() -> None:
    lines = [Line(i, float(i), epoch=i // 10) for i in range(20)]

    def numbers(which: Lines) -> list[int]:
        return [line.iteration for line in chosen(lines, which)]

    assert numbers(Lines(first=3, last=5)) == [3, 4, 5]
    assert numbers(Lines(last=True)) == [19]
    assert numbers(Lines(only=7)) == [7]
    assert numbers(Lines(skip_first=15)) == [15, 16, 17, 18, 19]
    assert numbers(Lines(skip_first=15, count=2)) == [15, 16]
    assert numbers(Lines(skip_fraction=0.7)) == [14, 15, 16, 17, 18, 19]
    assert numbers(Lines(skip_first_per_epoch=8)) == [8, 9, 18, 19]
    assert numbers(Lines(all=True)) == list(range(20))
    twice = [Line(1, 1.0), Line(1, 2.0), Line(2, 3.0)]
    assert [line.value for line in deduped(twice, "first")] == [1.0, 3.0]
    assert [line.value for line in deduped(twice, "last")] == [2.0, 3.0]


@pytest.mark.parametrize("name", published.known())
def test_rules_that_come_with_mrbench_can_be_applied(name: str) -> None:
    rule = published.load(name)
    assert "@" in rule.source
    compiled(rule)
    log = log_of(rule)
    if log is not None:
        resolve_format(log)


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("{only: 90, all: true}", "give one of"),
        ("{first: 90}", "give one of"),
        ("{count: 3, all: true}", "count goes with skip_first"),
        ("always", "'always' is not one of unknown"),
    ],
)
def test_a_rule_of_ones_own_is_refused_with_its_line(
    tmp_path: Path, lines: str, problem: str
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        f"title: mine\nsource: a page\nlines: {lines}\nof: rate\nstatistic: mean\nunit: tokens\n"
        "per: job\n"
    )
    with pytest.raises(RecipeError) as refused:
        published.load(str(path))
    assert problem in refused.value.text
    assert refused.value.line == 3


@pytest.mark.parametrize(
    ("more", "key", "problem"),
    [
        ("log: {format: nope}", "log", "'nope' is unknown"),
        ("log: {pattern: (, timing: rate}", "log.pattern", "is not a valid regular expression"),
        ("pattern: (?P<iteration>.)", "pattern", "lacks the group value"),
        ("pattern: (?P<value>.)\nstep_pattern: x", "step_pattern", "lacks the group iteration"),
    ],
)
def test_what_a_rule_has_is_refused_with_its_key(
    tmp_path: Path, more: str, key: str, problem: str
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "title: mine\nsource: a page\nlines: {all: true}\nof: rate\nstatistic: mean\n"
        f"unit: tokens\nper: job\n{more}\n"
    )
    with pytest.raises(RecipeError) as refused:
        published.load(str(path))
    assert (refused.value.key, refused.value.file) == (key, str(path))
    assert problem in refused.value.text


def test_a_folder_is_no_rule(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="cannot be read"):
        published.load(str(tmp_path))


def test_a_suite_names_a_rule_or_has_it() -> None:
    rule = (
        "{title: t, source: s, lines: unknown, of: rate, statistic: mean, unit: tokens, per: job}"
    )
    for given, expected in (("torchtune", "torchtune"), (rule, None)):
        text = (
            "title: t\nmodel: m\nwindow: {first: 1, last: 2}\n"
            "hardware: {accelerator: cpu, count: 1, name: n}\n"
            f'references: [{{name: r, date: "2020-01-01", source: s, rule: {given}}}]\n'
        )
        suite, _ = yamlfile.parse_yaml(Suite, text.encode(), "suite.yaml")
        found = suite.references[0].rule
        assert found == expected or (isinstance(found, PublishedRule) and expected is None)


def test_a_clock_in_hundredths_of_minutes_says_how_coarse_it_is(tmp_path: Path) -> None:
    text = "".join(
        f"step {i:05}/00100 (1.00%) | loss: 6.9 | dt: 100.00ms | tok/sec: 20,565 |"
        f" total time: {max(0, i - 10) * 0.1 / 60:.2f}m\n"
        for i in range(100)
    )
    by = by_rule(tmp_path, text, "nanochat", "20:90")
    assert by.number == pytest.approx(9)  # 0.15 min, of 8.9 s
    assert by.effects[0].cause == "timer"
    assert by.notes == ("the digits that the log prints allow an error of 3.3%",)


def test_parse_prints_theirs_and_ours(tmp_path: Path) -> None:
    log = tmp_path / "maxtext.log"
    log.write_text(MAXTEXT)
    words = ["parse", str(log), "--rule", "maxtext", "--window", "2:10", "--published", "8672.8"]
    text = mrbench(*words, cwd=tmp_path).stdout
    assert text.startswith("by the rule maxtext: 8,673 tokens/s per device (line 9)\n")
    assert (
        "work over time of the whole log: 5,442 tokens/s per device; by the rule 59.4% faster"
        in text
    )
    assert "mrbench: no number to compare; why stands below\n" in text
    assert "maxtext: incomplete_window: MaxText's seconds are those of a call" in text
    content = json.loads(mrbench(*words, "--json", cwd=tmp_path).stdout)
    assert content["by_rule"]["number"] == 8672.758
    assert content["status"] == "incomplete_window"  # no stamps tell how long a step took
    minutes = mrbench(*words[:-1], "5762min", cwd=tmp_path)
    assert minutes.returncode == 2
    assert "a time in min, the rule maxtext gives tokens/s per device" in minutes.stderr
    assert "\nmaxtext  " in mrbench("list", "--rules", cwd=tmp_path).stdout
    refused = mrbench("parse", str(log), "--rule", "maxtex", cwd=tmp_path)
    assert (refused.returncode, "did you mean 'maxtext'?" in refused.stderr) == (2, True)


def test_the_schema_of_a_rule() -> None:
    assert {"lines", "of", "statistic", "unit", "per"} <= set(make_schema("rule")["required"])
    assert LogFormat.__name__ in make_schema("rule")["$defs"]


def test_a_run_is_read_by_the_rule_of_its_published_table(tmp_path: Path) -> None:
    folder = next(KEPT.glob("smoke/detectron2/*/record.json")).parent
    record = rundir.load(folder / "record.json")
    assert record.measurement is not None
    rule = replace(published.load("detectron2-2019"), lines=Lines(first=20, last=60))
    by = byrule.of_run(record, folder / "train.log", rule)
    assert by is not None
    assert by.unit == "images/s"
    assert by.number == pytest.approx(record.throughput, rel=0.01)  # the rule is ours: two clocks
    all_lines = Lines(all=True)
    mean = byrule.of_run(record, folder / "train.log", replace(rule, lines=all_lines))
    of_rates = replace(rule, lines=all_lines, statistic="mean")
    rates = byrule.of_run(record, folder / "train.log", of_rates)
    assert mean is not None
    assert mean.number == mean.whole_log
    assert rates is not None
    assert "prints a running_mean" in rates.reason
    reference = Reference(name="r", date="d", source="s", throughput={}, rule=rule)
    suite = replace(record.suite, references=(reference,))
    (row,) = make_rows(suite, [table_run(record, str(folder))])
    (shown,) = byrule.with_rule([row], reference)
    assert shown.by_rule == by.number
    assert "By their rule" in render(suite, [shown], "plain")
    assert "By their rule" not in render(suite, [row], "plain")
    (gone,) = byrule.with_rule([replace(row, folder=str(tmp_path))], reference)
    assert gone.by_rule is None
    assert "record.json" in (gone.by_rule_reason or "")
    none = byrule.of_run(record, tmp_path / "train.log", "detectron2-2019")
    assert none is not None
    assert "cannot be read as a log" in none.reason
