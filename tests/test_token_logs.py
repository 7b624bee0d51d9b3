"""Logs of language models' trainers: what each number means, and the work that lines tell."""

import json
import math
import random
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

import renderers
import tokenlogs
import wounds
from manyruns import KEPT
from mrbench import cli
from mrbench.errors import RecipeError
from mrbench.measure.anylog import KnownLog, ParsedLog, parse_log
from mrbench.measure.log.blocks import whole_lines
from mrbench.measure.parsers import parse_samples, resolve_format
from mrbench.measure.window import measure
from mrbench.model.inputs import Window
from mrbench.model.logformat import Columns, LogFormat
from mrbench.model.measurement import Measurement
from mrbench.model.work import Unit
from mrbench.recipe.load import load_named, load_path
from mrbench.recipe.plan import make_plan
from toy import edit, make_suite


def parsed(
    folder: Path, text: str, window: tuple[int, int], *, work: int | None = None, every: int = 0
) -> ParsedLog:
    """Detect the format of a log and measure it."""
    path = folder / "train.log"
    path.write_text(text)
    return parse_log(
        path,
        recipes={},
        window=Window(first=window[0], last=window[1]),
        work_per_iteration=work,
        given={"every": every} if every else {},
    )


def measured(
    text: str,
    window: tuple[int, int],
    work: int | None = None,
    **keys: Any,  # noqa: ANN401 - those of LogFormat
) -> Measurement:
    """Measure a log by a recipe's own pattern or columns."""
    log = resolve_format(LogFormat(**keys))
    where = Window(first=window[0], last=window[1])
    samples = parse_samples(whole_lines([text.encode()]), log, work or 0, where)
    return measure(samples, where, work, log=log, unit="tokens")


def stamp(seconds: float) -> str:
    whole = int(seconds)
    return f"2026-01-02 {3 + whole // 3600:02d}:{whole // 60 % 60:02d}:{seconds % 60:06.3f}"


def speedrun(zeroed: int, steps: int = 40) -> str:
    text, clock = "step:0/40 val_loss:10.8 train_time:0ms step_avg:nanms\n", 0
    for i in range(1, steps + 1):
        clock += 40000 if i == 1 else 55
        if i == zeroed + 1:
            clock = 55
        text += f"step:{i}/{steps} train_loss:4.0 train_time:{clock}ms step_avg:55.00ms\n"
        if i % 10 == 0:
            text += f"step:{i}/{steps} val_loss:4.0 train_time:{clock + 1}ms step_avg:55.00ms\n"
    return text


def test_a_speedruns_clock_was_set_to_0_after_ten_steps(tmp_path: Path) -> None:
    for zeroed, first in ((10, 40.0 + 39 * 0.055), (99, 40.0 + 39 * 0.055)):
        after = parsed(tmp_path, speedrun(zeroed), (10, 40), work=524288)
        assert (after.format, after.measurement.unit, after.per) == (
            "modded-nanogpt",
            "tokens",
            "job",
        )
        assert after.measurement.seconds_per_iteration == pytest.approx(0.055)
        assert after.measurement.throughput == pytest.approx(524288 / 0.055)
        whole = parsed(tmp_path, speedrun(zeroed), (0, 40)).measurement
        assert whole.seconds_per_iteration == pytest.approx(first / 40)


def test_a_clock_that_was_set_back_nobody_knows_where_tells_nothing_of_that_place() -> None:
    pattern = r"^step:(?P<iteration>\d+)/\d+ train_loss\S+ train_time:(?P<value>\d+)ms"
    lines = speedrun(10).splitlines()
    few = "\n".join([*lines[:9], *lines[16:]]) + "\n"  # lines 10 to 14 are lost
    keys: dict[str, Any] = {"pattern": pattern, "timing": "cumulative", "unit": "ms"}
    unknown = measured(few, (0, 40), **keys)
    assert unknown.status == "incomplete_window"
    assert "log.skipped" in unknown.remedy
    told = measured(speedrun(10), (10, 40), **keys, skipped=10)
    assert told.seconds_per_iteration == pytest.approx(0.055)
    later = measured(speedrun(10), (20, 40), **keys)
    assert later.seconds_per_iteration == pytest.approx(0.055)


def test_a_clock_in_minutes_that_leaves_out_the_first_steps() -> None:
    text = "".join(
        f"step {i:05d} | dt: 600.00ms | total time: {max(0, i - 10) * 0.01:.2f}m\n"
        for i in range(300)
    )
    pattern = r"^step (?P<iteration>\d+).*total time: (?P<value>[\d.]+)m"
    keys: dict[str, Any] = {
        "pattern": pattern,
        "timing": "cumulative",
        "counts_from": 0,
        "skipped": 11,
    }
    found = measured(text, (20, 220), **keys, unit="min")
    assert found.seconds_per_iteration == pytest.approx(0.6, rel=0.01)
    early = measured(text, (0, 220), **keys, unit="min")
    assert (early.status, early.seconds_per_iteration) == ("incomplete_window", None)


def torchtitan(ranks: int = 1, *, named: bool = False) -> str:
    text, at = "", 0.0
    for i in [1, *range(10, 101, 10)]:
        at += 8192 / 10240 * (i - max(0, i - 10 if i > 10 else 1)) if i > 1 else 20.0
        for rank in range(ranks):
            head = f"[rank{rank}]:" if named else ""
            tps = 409 if i == 1 else 10240
            text += (
                f"{head}[titan] {stamp(at).replace('.', ',')} - root - INFO - \x1b[31mstep: {i:2d}"
                f"  \x1b[32mloss:  7.0001  \x1b[33mmemory: 47.00GiB(60.00%)  \x1b[34mtps: {tps:,}"
                "  \x1b[36mtflops: 560.10  \x1b[35mmfu: 56.60%\x1b[39m\n"
            )
    return text


@pytest.mark.parametrize("ranks", [1, 8])
def test_torchtitan_prints_the_rate_of_one_device_on_every_rank(tmp_path: Path, ranks: int) -> None:
    for named in (False, True):
        bare = parsed(tmp_path, torchtitan(ranks, named=named), (10, 100))
        assert (bare.format, bare.measurement.unit, bare.per) == ("torchtitan", "tokens", "device")
        assert bare.measurement.throughput == pytest.approx(10240)
        assert bare.measurement.seconds_per_iteration is None
        known = parsed(tmp_path, torchtitan(ranks, named=named), (10, 100), work=8192)
        assert known.measurement.seconds_per_iteration == pytest.approx(0.8)
        assert known.measurement.agreement == pytest.approx(1, abs=0.001)


def megatron(*, average: bool = False, skipped: int = 0, ramp: int = 0) -> str:
    text, samples = "", 0
    for i in range(10, 201, 10):
        batch = 128 if i > ramp else 64
        samples += 10 * batch
        value = "500.0/512.3" if average else "500.0"
        text += (
            f" [{stamp(i / 2)}] iteration {i:8d}/     500 | consumed samples: {samples:12d} |"
            f" elapsed time per iteration (ms): {value} | throughput per GPU (TFLOP/s/GPU): 400.1 |"
            f" learning rate: 1.0E-04 | global batch size: {batch:5d} | lm loss: 9.0E+00 |"
            f" number of skipped iterations: {skipped if i == 120 else 0:3d} |\n"
        )
    return text


def test_megatrons_samples_are_counted_and_the_first_of_two_numbers_is_the_intervals(
    tmp_path: Path,
) -> None:
    for average in (False, True):
        found = parsed(tmp_path, megatron(average=average), (100, 200))
        m = found.measurement
        assert (found.format, found.measurement.unit, m.work_per_iteration) == (
            "megatron",
            "samples",
            128,
        )
        assert m.seconds_per_iteration == pytest.approx(0.5)
        assert m.throughput == pytest.approx(256)
        assert m.agreement == pytest.approx(1)
        assert not any("is used" in text or "recipe's" in text for text in m.warnings)


def test_a_batch_that_grows_within_the_window_is_counted_and_told(tmp_path: Path) -> None:
    m = parsed(tmp_path, megatron(ramp=150), (100, 200)).measurement
    assert m.throughput == pytest.approx((50 * 64 + 50 * 128) / 50)
    assert m.work_per_iteration == 96
    assert any("from 64 to 128 after iteration 150" in text for text in m.warnings)
    outside = parsed(tmp_path, megatron(ramp=50), (100, 200)).measurement
    assert outside.throughput == pytest.approx(256)
    assert not any("change within" in text for text in outside.warnings)


def test_iterations_that_were_skipped_are_told(tmp_path: Path) -> None:
    m = parsed(tmp_path, megatron(skipped=3), (100, 200)).measurement
    assert any("3 of the window's iterations" in text for text in m.warnings)
    assert not parsed(tmp_path, megatron(skipped=3), (0, 100)).measurement.warnings[1:]


def maxtext(*, stamps: bool) -> str:
    text = ""
    for i in range(60):
        seconds = 0.002 if i == 30 else 2.0
        head = f"I0102 03:{2 * i // 60:02d}:{2 * i % 60:02d}.000000 1400 metric_logger.py:265] "
        text += (
            f"{head if stamps else ''}completed step: {i}, seconds: {seconds:.3f}, TFLOP/s/device:"
            " 0.020, Tokens/s/device: 4096.0, total_weights: 8192, loss: 6.457, lm_loss: 6.457\n"
        )
    return text


def test_the_time_of_a_dispatch_never_leads(tmp_path: Path) -> None:
    bare = parsed(tmp_path, maxtext(stamps=False), (10, 50)).measurement
    assert (bare.status, bare.throughput) == ("incomplete_window", None)
    assert "asynchronous dispatch" in bare.reason
    timed = parsed(tmp_path, maxtext(stamps=True), (10, 50)).measurement
    assert (timed.status, timed.clock) == ("ok", "printed")
    assert timed.throughput == pytest.approx(4096)


def test_a_line_far_below_the_others_is_no_number_in_any_format() -> None:
    pattern = r"step: (?P<iteration>\d+), seconds: (?P<value>[\d.]+)"
    keys: dict[str, Any] = {"pattern": pattern, "timing": "interval_mean", "counts_from": 0}
    alone = measured(maxtext(stamps=False), (10, 50), 8192, **keys)
    assert alone.status == "incomplete_window"
    assert "0.002" in alone.reason
    assert "at 31 " in alone.reason
    elsewhere = measured(maxtext(stamps=False), (31, 50), 8192, **keys)
    assert elsewhere.throughput == pytest.approx(4096)
    stamped = measured(maxtext(stamps=True), (10, 50), 8192, **keys)
    assert stamped.clock == "printed"
    assert stamped.throughput == pytest.approx(4096)
    assert any("far" in text or "as a rule" in text for text in stamped.warnings)


def test_nanogpts_line_tells_of_one_iteration_alone(tmp_path: Path) -> None:
    def log(every: int) -> str:
        lines = [f"iter {i}: loss 3.1, time 100.00ms, mfu 1.00%" for i in range(0, 201, every)]
        return "\n".join(lines) + "\n"

    each = parsed(tmp_path, log(1), (50, 150), work=512).measurement
    assert each.throughput == pytest.approx(5120)
    tenth = parsed(tmp_path, log(10), (50, 150), work=512).measurement
    assert "each tells the last one's time alone" in tenth.reason


def test_the_batch_that_a_log_states_counts(tmp_path: Path) -> None:
    def log(head: str, line: str) -> str:
        lines = [line.format(i, tokens="10,240.00" if "(" in line else 10240) for i in range(100)]
        return "\n".join([head, *lines]) + "\n"

    nanochat = log(
        "Total batch size 1,024 => gradient accumulation steps: 2",
        "step {:05d}/00100 (1.00%) | loss: 6.9 | dt: 100.00ms | tok/sec: 10,240 | total time: 0.0m",
    )
    build = log(
        "total desired batch size: 1024",
        "step {:5d} | loss: 6.9 | lr 1e-3 | norm: 1.0 | dt: 100.00ms | tok/sec: {tokens}",
    )
    for text, name in ((nanochat, "nanochat"), (build, "build-nanogpt")):
        found = parsed(tmp_path, text, (20, 80))
        assert (found.format, found.measurement.unit) == (name, "tokens")
        assert found.measurement.work_per_iteration == 1024
        assert found.measurement.throughput == pytest.approx(10240)
        headless = parsed(tmp_path, text.partition("\n")[2], (20, 80))
        assert headless.measurement.work_per_iteration == 1024


def test_litgpts_lines_need_another_clock(tmp_path: Path) -> None:
    text = "".join(
        f"Epoch 1 | iter {i} step {i // 2} | loss train: 6.4, val: n/a | iter time: 43.75 ms (step)"
        " remaining time: 0:10:41\n"
        for i in range(20, 601, 20)
    )
    found = parsed(tmp_path, text, (100, 500), work=512)
    assert found.format == "litgpt"
    assert "each tells the last one's time alone" in found.measurement.reason


def trainer(*, first: bool = True, timed: bool = True) -> str:
    text = "{'eval_loss': '6.2', 'epoch': '0.001'}\n"
    for i in [*([1] if first else []), *range(50, 301, 50)]:
        clock = f", 'num_input_tokens_seen': {1024 * i}, 'train_runtime': '{0.08 * i:.4g}'"
        text += f"{{'loss': '6.2', 'grad_norm': '0.28', 'epoch': '{8e-5 * i:.4g}'"
        text += f"{clock if timed else ''}}}\n"
    return text + "{'train_runtime': '24.5', 'train_samples_per_second': '98', 'epoch': '0.02'}\n"


def test_transformers_lines_are_as_far_apart_as_logging_steps_says(tmp_path: Path) -> None:
    for first in (True, False):
        found = parsed(tmp_path, trainer(first=first), (100, 300), every=50)
        m = found.measurement
        assert (found.format, found.measurement.unit, m.iterations) == ("hf-trainer", "tokens", 200)
        assert m.work_per_iteration == 1024
        assert m.seconds_per_iteration == pytest.approx(0.08)
        lines = trainer(first=first).splitlines(keepends=True)
        del lines[-4]  # that of iteration 200
        torn = parsed(tmp_path, "".join(lines), (100, 300), every=50).measurement
        assert torn.seconds_per_iteration == pytest.approx(0.08)
        assert torn.last == 300
    with pytest.raises(RecipeError, match="--every N"):
        parsed(tmp_path, trainer(), (100, 300))
    older = parsed(tmp_path, trainer(timed=False), (100, 300), every=50).measurement
    assert "tell no seconds" in older.reason


def test_a_step_and_its_value_on_lines_of_their_own() -> None:
    text = "".join(
        f"== step {i} of 200 ==\nlr 0.1\n  took 500.0 ms, 2,048 tokens\n" for i in range(1, 201)
    )
    keys: dict[str, Any] = {
        "step_pattern": r"^== step (?P<iteration>\d+)",
        "pattern": r"took (?P<value>[\d.]+) ms, (?P<work>[\d,]+) tokens",
        "timing": "interval_mean",
    }
    found = measured(text, (100, 200), **keys)
    assert (found.iterations, found.work_per_iteration) == (100, 2048)
    assert found.throughput == pytest.approx(4096)
    torn = measured(text[: text.rindex("500.0")], (100, 200), **keys)
    assert torn.iterations == 99
    with pytest.raises(RecipeError, match=r"belongs to log\.step_pattern"):
        resolve_format(
            LogFormat(step_pattern=r"(?P<iteration>\d)", pattern=r"(?P<iteration>\d)(?P<value>\d)")
        )


def test_several_unlike_values_behind_a_step_are_no_number() -> None:
    keys: dict[str, Any] = {
        "step_pattern": r"^== step (?P<iteration>\d+)",
        "pattern": r"^dt (?P<value>[\d.]+) s",
        "timing": "interval_mean",
    }
    for other, status in ((0.26, "ok"), (5.0, "incomplete_window")):
        text = "".join(f"== step {i}\ndt 0.25 s;\ndt {other} s;\n" for i in range(1, 301))
        assert measured(text, (100, 200), 8, **keys).status == status


def test_a_clock_that_stands_still_says_so() -> None:
    rows = "".join(f"{i},1700000000\n" for i in range(1, 201))
    columns = Columns(value="time")
    found = measured(f"step,time\n{rows}", (100, 200), 8, columns=columns, timing="cumulative")
    assert "shows the same time in all lines" in found.reason


def test_a_counter_that_begins_anew_in_each_epoch() -> None:
    text = "".join(f"batch {i % 100} 0.25 s/it\n" for i in range(300))
    keys: dict[str, Any] = {
        "pattern": r"batch (?P<iteration>\d+) (?P<value>\S+)",
        "timing": "interval_mean",
    }
    told = measured(text, (50, 250), 4, **keys, counts_from=0, restarts=True)
    assert (told.iterations, told.processes) == (200, 1)
    untold = measured(text, (50, 250), 4, **keys, counts_from=0)
    assert untold.status == "incomplete_window"
    assert "log.restarts: true" in untold.remedy
    resumed = "".join(f"batch {i} 0.25 s/it\n" for i in [*range(1, 151), *range(100, 301)])
    assert "leave log.restarts out" in measured(resumed, (50, 250), 4, **keys, restarts=True).remedy


def test_the_total_of_a_whole_epoch() -> None:
    text = "".join(f"Epoch {i}/20 - 50s - loss: 0.5\n" for i in range(1, 21))
    pattern = r"^Epoch (?P<epoch>\d+)/\d+ - (?P<value>\d+)s"
    found = measured(text, (100, 500), 8, pattern=pattern, timing="interval_total", every=100)
    assert found.iterations == 400
    assert found.seconds_per_iteration == pytest.approx(0.5)


def test_a_rate_that_is_the_mean_of_the_last_iterations() -> None:
    def seconds(i: int) -> float:
        return 0.5 + 0.5 * (i % 10 == 9)

    text = ""
    for i in range(1, 301):
        passed = sum(map(seconds, range(max(0, i - 10), i)))
        text += f"batch {i} {4 * min(10, i) / passed:.6f} samples/s\n"
    pattern = r"batch (?P<iteration>\d+) (?P<value>\S+)"
    found = measured(text, (100, 300), 4, pattern=pattern, timing="rate", smoothing=10)
    assert found.seconds_per_iteration == pytest.approx(0.55, rel=1e-5)


def test_a_mean_in_iterations_per_second() -> None:
    text = "".join(f"iter {i} speed 4.00\n" for i in range(10, 201, 10))
    keys: dict[str, Any] = {
        "pattern": r"iter (?P<iteration>\d+) speed (?P<value>\S+)",
        "unit": "it/s",
    }
    for timing in ("interval_mean", "running_mean"):
        found = measured(text, (100, 200), 8, **keys, timing=timing)
        assert found.throughput == pytest.approx(32)
    with pytest.raises(RecipeError, match="iterations_per_second"):
        resolve_format(LogFormat(**keys, timing="rate"))


def test_work_in_another_unit_than_the_workloads_is_never_mixed() -> None:
    where = Window(first=100, last=200)
    log = resolve_format(LogFormat(format="megatron"))

    def by(work: int | None) -> Measurement:
        blocks = whole_lines([megatron().encode()])
        samples = parse_samples(blocks, log, work or 0, where)
        return measure(samples, where, work, log=log, unit="tokens")

    assert by(128 * 4096).throughput == pytest.approx(128 * 4096 / 0.5)
    assert by(None).throughput is None
    assert by(100).throughput is None
    assert any("no whole number of times" in text for text in by(100).warnings)


def test_trainers_count_of_pixel_values_tells_of_a_batch_that_changes() -> None:
    where = Window(first=20, last=60)
    log = resolve_format(LogFormat(format="hf-trainer", every=10))

    def by(values: Sequence[int], images: int) -> Measurement:
        totals = accumulate(values)
        text = "".join(
            f"{{'loss': '6.2', 'epoch': '{0.01 * i:.4g}', 'num_input_tokens_seen': {total},"
            f" 'train_runtime': '{5.0 * i:.4g}'}}\n"
            for i, total in enumerate(totals, 1)
        )
        samples = parse_samples([(0, text.encode())], log, images, where)
        return measure(samples, where, images, log=log, unit="images")

    square = 10 * 3 * 128 * 128
    assert by([4 * square] * 6, 4).throughput == pytest.approx(4 / 0.5)
    halved = by([4 * square] * 5 + [2 * square], 4)
    assert halved.throughput == pytest.approx((30 * 4 + 10 * 2) / 20)
    assert any("images of an iteration change" in text for text in halved.warnings)
    early = by([4 * square] + [2 * square] * 5, 4)  # most of the window has the smaller batch
    assert early.throughput == pytest.approx(2 / 0.5)
    sizes = by([4 * square + i for i in range(6)], 4)  # which tell nothing of how many there are
    assert sizes.throughput == pytest.approx(8)
    assert sizes.work_per_iteration == 4


@pytest.mark.parametrize("timed", [True, False])
def test_a_trainers_line_that_stands_twice_counts_once(*, timed: bool) -> None:
    text = trainer(timed=timed)
    twice = "".join(line for each in text.splitlines(keepends=True) for line in (each, each))
    log = LogFormat(format="hf-trainer", every=50)
    once, again = (
        [(sample.last, sample.count) for sample in parse_samples([(0, lines.encode())], log, 0)]
        for lines in (text, twice)
    )
    assert once == again


def test_a_resumed_trainer_says_where_it_goes_on(tmp_path: Path) -> None:
    head = "  Resuming training from checkpoint with epoch 0 and global step 100\n"
    text = head + "".join(
        f"{{'loss': '6.2', 'epoch': '{8e-5 * i:.4g}', 'num_input_tokens_seen': {1024 * i},"
        f" 'train_runtime': '{0.08 * (i - 100):.4g}'}}\n"
        for i in range(150, 501, 50)
    )
    found = parsed(tmp_path, text, (200, 400), every=50).measurement
    assert found.seconds_per_iteration == pytest.approx(0.08)
    assert (found.began, found.first, found.last) == (100, 201, 400)
    assert any("the process began at iteration 100" in text for text in found.warnings)


@pytest.mark.parametrize(
    ("words", "rate", "note"),
    [
        ([], "196608 tokens each", "give --unit images"),
        (["--unit", "images"], "4 images each", ""),  # as it states
        (["--images-per-iteration", "4"], "4 images each", ""),
        (["--images-per-iteration", "8"], "8 images each", "the log states 4 images"),
        (["--every", "", "--unit", "images"], "4 images each", ""),  # its epochs tell
        (["--every", "5", "--unit", "images"], "4 images each", "10 iterations apart"),
        (["--unit", "images", "--suite", "detectors-smoke"], "4 images each", ""),
    ],
)
def test_of_images_trainer_counts_the_values_of_pixels(
    words: list[str], rate: str, note: str, capsys: pytest.CaptureFixture[str]
) -> None:
    log = next((KEPT / "detectors-smoke" / "rtdetrv2").glob("*/train.log.gz"))
    every = [] if "--every" in words else ["--every", "10"]
    words = words[2:] if words[1:2] == [""] else words
    assert cli.main(["parse", str(log), "--window", "20:100", *every, *words]) == 0
    out = capsys.readouterr().out
    assert rate in out
    assert note in out


def test_the_batch_that_a_trainer_states_counts_before_a_recipes() -> None:
    known = {"d-fine": KnownLog(load_named("detectors", "d-fine").recipe.log, 8)}
    log = Path(__file__).parent / "logs" / "hf-detection.log.gz"
    found = parse_log(
        log, recipes=known, implementation="d-fine", window=Window(first=10, last=30)
    ).measurement
    assert found.throughput == pytest.approx(2 * 20 / (39.6858 - 37.3659))


def test_a_bar_of_another_program_is_not_taken_for_a_recipes(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    bars = (f"\r {i:2}%|#| {i}/99 [00:{i // 2:02}<00:09,  2.0it/s]" for i in range(1, 99))
    log.write_text("".join(bars) + "\n")
    recipes = {
        "rf-detr-seg": KnownLog(load_named("detectors", "rf-detr-seg").recipe.log, 4),
    }
    found = parse_log(log, recipes=recipes, window=Window(first=10, last=90))
    assert (found.format, found.implementation) == ("tqdm", None)
    log.write_text("rfdetr: 1 x cuda, 4 images a step in 1 batches of 4, 432\n" + log.read_text())
    found = parse_log(log, recipes=recipes, window=Window(first=10, last=90))
    assert (found.implementation, found.measurement.work_per_iteration) == ("rf-detr-seg", 4)


ROWS = [(i, 0.5 * i, 2048 * i, 1_796_000_000 + 0.5 * i) for i in range(10, 201, 10)]


def test_a_csv_file_by_its_columns() -> None:
    lines = ["loss,step,time,tokens,val_loss"]
    lines += [f"6.4,{i},{s},{n},\n,{i},,,6.1" for i, s, n, _ in ROWS]
    columns = Columns(value="time", total_work="tokens", loss="loss")
    text = "\n".join(lines) + "\n"
    found = measured(text, (100, 200), columns=columns, timing="cumulative")
    assert (found.iterations, found.work_per_iteration) == (100, 2048)
    assert found.throughput == pytest.approx(4096)
    assert found.loss_last == pytest.approx(6.4)
    cut = measured(text[:-30], (100, 200), columns=columns, timing="cumulative")
    assert cut.iterations == 90


def test_json_lines_by_paths_of_keys_with_their_own_stamps() -> None:
    text = ""
    for i, _, _, at in ROWS:
        data = {"step_time in s": "0.25", "loss": 1.0}
        text += "DLLL " + json.dumps({"step": i, "timestamp": f"{at:.3f}", "data": data}) + "\n"
        text += "some other line {not: json}\n"
    columns = Columns(value="data.step_time in s", loss="data.loss", stamp="timestamp")
    wrong = measured(text, (100, 200), 8, columns=columns, timing="interval_mean")
    assert wrong.status == "clocks_disagree"
    right = measured(
        text.replace("0.25", "0.5"), (100, 200), 8, columns=columns, timing="interval_mean"
    )
    assert right.throughput == pytest.approx(16)
    assert right.agreement == pytest.approx(1)
    stamped = measured(text, (100, 200), 8, columns=Columns(loss="data.loss", stamp="timestamp"))
    assert stamped.clock == "printed"
    assert stamped.throughput == pytest.approx(16)


def test_columns_say_what_they_lack() -> None:
    with pytest.raises(RecipeError, match="`timing` beside it"):
        resolve_format(LogFormat(columns=Columns(value="time")))
    with pytest.raises(RecipeError, match="needs `value`"):
        resolve_format(LogFormat(columns=Columns()))


def test_the_numbers_of_no_row_are_nan() -> None:
    text = "step,time\nnan,1\n1,nan\n2,inf\nx,3\n"
    found = measured(text, (0, 2), columns=Columns(value="time"), timing="cumulative")
    assert found.status != "ok"
    assert not math.isfinite(found.throughput or math.nan)
    columns = Columns(value="time", work="tokens")
    rows = "".join(
        f"{i},{i if i != 7 else '1e99.5'},{'nan' if i == 9 else 8}\n" for i in range(1, 20)
    )
    odd = measured(f"step,time,tokens\n{rows}", (0, 18), columns=columns, timing="cumulative")
    assert odd.throughput is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("step;time\n1;0.5\n2;1.0\n", "separate its columns by commas"),
        ("1,0.5\n2,1.0\n", "give it a header"),
        ("step,tme\n1,0.5\n", "no column is called 'time': it is a CSV file with the columns step"),
        ('{"step": 1, "tme": 0.5}\n', "a file of JSON lines with the columns step, tme"),
        ("step,time,time\n1,0.5,0.9\n", "2 columns named 'time'"),
        ('step,time\n1,"0,5"\n2,"1,0"\n3,"1,5"\n', "holds '1,0', which is no number"),
    ],
)
def test_what_a_result_file_has_instead_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, says: str
) -> None:
    path = tmp_path / "metrics.txt"
    path.write_text(text)
    words = ["--as", "columns: {value: time}", "--as", "timing: cumulative", "--window", "1:3"]
    assert cli.main(["parse", str(path), *words]) == 6
    said = capsys.readouterr()
    assert says in said.out + said.err
    path.write_bytes(text.encode("utf-16"))
    assert cli.main(["parse", str(path), *words]) == 6
    assert "save it as UTF-8" in capsys.readouterr().out


def test_a_row_without_a_time_leaves_its_iteration_to_the_next() -> None:
    rows = "".join(f"{i},{i / 2 if i != 150 else 'nan'}\n" for i in range(1, 201))
    columns = Columns(value="time")
    found = measured(f"step,time\n{rows}", (100, 200), 8, columns=columns, timing="cumulative")
    assert found.iterations == 100
    assert found.throughput == pytest.approx(16)


def test_known_result_files_are_recognised(tmp_path: Path) -> None:
    rows = "".join(f"{i},{i // 2},0.04,{512 * i},6.4,{0.1 * i:.6f}\n" for i in range(10, 201, 10))
    litgpt = parsed(tmp_path, f"iter,step,iter_time,total_tokens,loss,time\n{rows}", (100, 200))
    assert (litgpt.format, litgpt.measurement.unit) == ("litgpt-csv", "tokens")
    assert litgpt.measurement.throughput == pytest.approx(5120)
    rows = "".join(f"0,{i - 1},{0.1 * i:.6f}\n" for i in range(50, 601, 50))
    lightning = parsed(tmp_path, f"epoch,step,train/time\n{rows}", (100, 500), work=8)
    assert lightning.format == "lightning-csv"
    assert lightning.measurement.throughput == pytest.approx(80)


def test_lines_that_two_loggers_print_and_frames_that_were_overwritten_count_once() -> None:
    text = ""
    for i in range(1, 201):
        text += f"INFO {stamp(i / 2)} step {i} took 0.50 s, loss 1.0\n"
        text += f"step {i} took 0.50 s, loss 1.0\r" + ("" if i % 3 else f"step {i + 1} to\r")
    pattern = r"step (?P<iteration>\d+) took (?P<value>[\d.]+) s,"
    found = measured(text, (100, 200), 8, pattern=pattern, timing="interval_mean")
    assert (found.iterations, found.processes) == (100, 1)
    assert found.throughput == pytest.approx(16)
    assert found.agreement == pytest.approx(1)


def test_keys_of_a_recipe_parse_a_log_without_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "metrics.csv"
    path.write_text("n,clock\n" + "".join(f"{i},{s}\n" for i, s, _, _ in ROWS))
    words = ["parse", str(path), "--window", "100:200", "--work-per-iteration", "8"]
    assert cli.main(words) == 6
    assert "a CSV file with the columns n, clock" in capsys.readouterr().out
    keys = ["--as", "columns: {iteration: n, value: clock}", "--as", "timing: cumulative"]
    assert cli.main([*words, "--unit", "tokens", *keys]) == 0
    assert "16.000 tokens/s, 0.500000 s per iteration" in capsys.readouterr().out
    assert cli.main([*words, "--as", "timing: cumulative"]) == 2
    assert "give one of `format`, `pattern` and `columns`" in capsys.readouterr().err
    assert cli.main([*words, "--as", "columns: {valu: clock}"]) == 2
    assert "did you mean 'value'" in capsys.readouterr().err


def test_a_rate_beside_its_work_needs_no_batch() -> None:
    batches = [2048] * 100 + [4096] * 100
    text = "".join(
        f"step {i} tokens {n:,} tok/s {n / (0.5 if n == 2048 else 0.8):,.2f}\n"
        for i, n in enumerate(batches, 1)
    )
    pattern = r"step (?P<iteration>\d+) tokens (?P<work>[\d,]+) tok/s (?P<value>[\d,.]+)"
    found = measured(text, (50, 150), pattern=pattern, timing="rate")
    assert found.seconds_per_iteration == pytest.approx(0.65)
    assert found.throughput == pytest.approx(3072 / 0.65)
    with pytest.raises(RecipeError, match="is of all devices"):
        resolve_format(LogFormat(pattern=pattern, timing="rate", per="device"))


@pytest.mark.parametrize("batch", [100, 200])
def test_work_that_the_log_counts_is_not_called_the_recipes(tmp_path: Path, batch: int) -> None:
    pattern = r"step (?P<iteration>\d+) tokens (?P<work>\d+) dt (?P<value>[\d.]+)"
    path = tmp_path / "train.log"
    path.write_text("".join(f"step {i} tokens {batch} dt 0.100\n" for i in range(1, 201)))
    log = LogFormat(pattern=pattern, timing="interval_mean")
    known = KnownLog(log=log, work_per_iteration=100, unit="tokens")
    window = Window(first=50, last=150)
    found = parse_log(path, recipes={"r": known}, window=window, implementation="r").measurement
    assert found.work_per_iteration == batch
    told = [f"the log tells of {batch} tokens an iteration, not 100; the log's count is used"]
    assert list(found.warnings) == (told if batch != 100 else [])


def test_a_pause_is_no_seconds_where_nobody_knows_the_work_of_an_iteration(tmp_path: Path) -> None:
    lines = torchtitan(1, named=True).splitlines(keepends=True)
    slow = lines[len(lines) // 2]
    text = "".join(lines).replace(slow, slow.replace("10,240", "1,024"))
    found = parsed(tmp_path, text, (10, 100)).measurement
    pause, stamps = found.warnings
    assert pause == "a pause in iterations 41-50; without it 10240 tokens/s"
    assert "time stamps iterations 41-50 took 8 s, by their rate 80 s" in stamps


def test_a_column_with_the_time_since_the_start_is_no_interval() -> None:
    rows = "".join(f"{i},{0.1 * i:.2f}\n" for i in range(1, 201))
    columns = Columns(iteration="step", value="time")
    found = measured("step,time\n" + rows, (50, 150), columns=columns, timing="interval_mean")
    assert found.status == "incomplete_window"
    assert found.remedy == "correct the recipe: log.timing: cumulative"


def test_a_rate_of_one_device_is_timed_by_one_devices_work(
    tmp_path: Path, git: Callable[..., str]
) -> None:
    path = make_suite(tmp_path, git)
    edit(path, "timing: interval_mean", "timing: rate\n  per: device")
    edit(path.parent / "suite.yaml", "count: 1", "count: 4")
    plan = make_plan(load_path(path))
    assert (plan.work_per_iteration, plan.rated_work) == (16, 4)
    edit(path, "\n  per: device", "")
    assert make_plan(load_path(path)).rated_work == 16


def test_nemos_moving_mean_is_left_to_the_time_stamps(tmp_path: Path) -> None:
    text = ""
    for i in range(200):
        data = {"reduced_train_loss": 9.0, "consumed_samples": 64.0 * (i + 1)}
        data["train_step_timing in s"] = 99.0
        row = {"timestamp": str(1727486904.5 + 2 * i), "type": "LOG", "step": i, "data": data}
        text += f"DLLL {json.dumps(row)}\n"
    path = tmp_path / "dllogger.json"
    path.write_text(text)
    found = parse_log(path, recipes={}, window=Window(first=100, last=180))
    assert (found.format, found.measurement.unit) == ("dllogger", "samples")
    assert found.measurement.clock == "printed"
    assert found.measurement.throughput == pytest.approx(32)
    assert any("moving mean" in text for text in found.measurement.warnings)


WINDOW = Window(first=100, last=500)
# format, unit, renderer, and how far its digits may lead from the truth
TRAINERS = [
    ("build-nanogpt", "tokens", tokenlogs.build_nanogpt, 1e-4),
    ("nanochat", "tokens", tokenlogs.nanochat, 1e-4),
    ("modded-nanogpt", "tokens", tokenlogs.speedrun, 1e-5),
    ("torchtitan", "tokens", tokenlogs.torchtitan, 1e-3),
    ("megatron", "samples", tokenlogs.megatron, 1e-3),
    ("maxtext", "tokens", tokenlogs.maxtext, 1e-3),
    ("hf-trainer", "tokens", tokenlogs.hf_trainer, 1e-3),
    ("litgpt-csv", "tokens", tokenlogs.litgpt_csv, 1e-9),
    ("lightning-csv", "tokens", tokenlogs.lightning_csv, 1e-9),
    ("dllogger", "samples", tokenlogs.dllogger, 1e-5),
]


@pytest.mark.parametrize(
    ("name", "unit", "render", "within"), TRAINERS, ids=[name for name, *_ in TRAINERS]
)
def test_each_format_tells_how_long_its_iterations_took(
    name: str, unit: Unit, render: renderers.Render, within: float
) -> None:
    draw = random.Random(7)
    seconds = [draw.uniform(0.4, 0.9) for _ in range(540)]
    lines = [line.encode() for line in render(seconds, 4096)]
    log = LogFormat(format=name, every=10 if name == "hf-trainer" else None)
    truth = sum(seconds[100:500]) / 400
    texts = [b"".join(lines)]
    if name not in ("litgpt-csv", "lightning-csv", "dllogger"):  # files of their own
        texts += [b"".join(wound(lines, draw)) for wound in (wounds.ranks, wounds.junk)]
    for text in texts:
        samples = parse_samples(whole_lines([text]), log, 4096, WINDOW)
        found = measure(samples, WINDOW, 4096, log=log, unit=unit)
        assert (found.status, found.iterations) == ("ok", 400), found.reason
        assert found.seconds_per_iteration == pytest.approx(truth, rel=within)
        assert found.throughput == pytest.approx(4096 / truth, rel=within)
