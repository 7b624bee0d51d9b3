r"""Ultralytics' bar, which lags by one, and begins again after running out of memory.

The logs are of ultralytics 8.4.190 on a CPU, by a recorder that is not mrbench: YOLO26n-seg, two
epochs of 16 batches; YOLO11n-seg, whose sixth batch was made to run out of memory; and the same for
three epochs with a callback that printed how long each batch took; and YOLO11n-seg for four epochs,
with its results.csv.
"""

import functools
import gzip
import re
from pathlib import Path

import pytest
from msgspec.structs import replace

import formats
from keptruns import judged_again
from manyruns import KEPT
from mrbench.measure.anylog import parse_log
from mrbench.model.inputs import Window
from mrbench.model.measurement import Measurement
from mrbench.model.record import StatedFact
from mrbench.model.suite import Rule
from mrbench.record.rules import work_per_iteration
from mrbench.record.rundir import load

LOGS = Path(__file__).parent / "logs"
KEPT_ROWS = [path.name for path in (KEPT / "detectors-smoke").glob("yolo*")]
LOG, OOM, CALLBACK = (LOGS / f"ultralytics{n}.log.gz" for n in ("", "-oom", "-callback"))
read = functools.partial(formats.read, images=4)


@pytest.mark.parametrize("name", KEPT_ROWS)
def test_a_kept_run_gives_its_number_again(name: str, tmp_path: Path) -> None:
    record, again = judged_again("detectors-smoke", name, tmp_path)
    assert record["status"] == again.status == "ok"
    assert again.throughput == record["measurement"]["throughput"]
    assert (again.first, again.last, again.clock, again.processes) == (21, 100, "arrival", 1)
    assert again.agreement == pytest.approx(1, abs=0.02)
    assert record["licence"] == "AGPL-3.0-only"
    rules = {rule["rule"]: rule["outcome"] for rule in record["validity"]["findings"]}
    stated = ("work_per_iteration", "gpus", "image_size", "precision", "single_process")
    assert {rules[name] for name in stated} == {"ok"}


def test_gradients_that_are_added_up_make_a_run_invalid() -> None:
    """What `nbs` says of an optimizer step is held against the plan's."""
    record = load(next((KEPT / "detectors-smoke" / "yolo11-seg").glob("*/record.json")))
    rule = Rule(rule="work_per_iteration", reason="")
    for step, outcome in (("4", "ok"), ("64", "failed")):
        fact = {"samples_per_step": StatedFact(value=step, line=6)}
        answer = work_per_iteration(replace(record, stated=fact), rule)
        assert answer[0] == outcome
    assert "images per optimizer step: 64 by the log (line 6), 4 by the plan" in answer[1]


def bars(seconds: list[str], total: int, *, end: str = "\n") -> str:
    """Return an epoch's bars; seconds: the time of each as it is printed."""
    text = "\n      Epoch    GPU_mem   box_loss   seg_loss  Instances       Size\n"
    for i, passed in enumerate(seconds):
        text += f"\r\x1b[K        1/9      1.25G      1.5      2.25         24        640: {i}%"
        text += f" ━╸─── {i}/{total} 9.9it/s {passed}<1:02:03"
    return text + end


def by_log(text: str, tmp_path: Path, first: int, last: int) -> Measurement:
    return read(text.encode(), tmp_path, first, last).measurement


def test_frames_show_one_less_than_are_done_and_arrival_leads(tmp_path: Path) -> None:
    """Frame 3/16 came at 20.113 s, the full bar at 31.522; epoch 2: 31.538, frame 13/16: 39.613."""
    found = read(LOG, tmp_path, 4, 30)
    m = found.measurement
    assert (found.format, m.status, m.clock, m.first, m.last) == (
        *("ultralytics", "ok", "arrival"),
        *(5, 30),
    )
    seconds = (31.522 - 20.113) + (39.613 - 31.538)
    assert m.seconds_per_iteration == pytest.approx(seconds / 26, rel=1e-4)
    assert m.log_seconds == pytest.approx((16.6 - 5.2) + 8.1)
    assert m.processes == 1
    assert m.loss_first == pytest.approx((3.24 + 12.66 + 5.846 + 0.04745 + 6.385), rel=0.1)


def test_the_first_iterations_time_begins_with_the_training(tmp_path: Path) -> None:
    """`Starting training` came at 14.854 s, the second frame at 18.062 with 3.2 s on it."""
    m = read(LOG, tmp_path, 0, 2).measurement
    assert (m.first, m.last) == (1, 2)
    assert m.arrival_seconds == pytest.approx(18.062 - 14.854, abs=2e-3)
    assert m.log_seconds == pytest.approx(3.2)


def test_arrival_is_what_a_callback_in_the_trainer_measures(tmp_path: Path) -> None:
    text = gzip.decompress(CALLBACK.read_bytes()).decode()
    took = {
        int(n): float(s) for n, s in re.findall(r"mrb iter (\d+) epoch 2 dt ([\d.]+) batch 4", text)
    }
    m = read(CALLBACK, tmp_path, 20, 30).measurement
    assert (m.status, m.first, m.last) == ("ok", 21, 30)
    assert m.arrival_seconds == pytest.approx(sum(took[n] for n in range(21, 31)), rel=0.01)


def test_whole_epochs_take_what_results_csv_says(tmp_path: Path) -> None:
    """Its rows: epoch 1 ended after 16.9722 s, epoch 3 after 50.5497; 16 batches of 4 each."""
    rows = parse_log(
        LOGS / "ultralytics-epochs.csv",
        recipes={},
        window=Window(first=16, last=48),
        work_per_iteration=4,
        given={"every": 16},
    )
    by_rows = (50.5497 - 16.9722) / 32
    assert rows.measurement.seconds_per_iteration == pytest.approx(by_rows)
    m = read(LOGS / "ultralytics-epochs.log.gz", tmp_path, 16, 48).measurement
    assert (m.status, m.first, m.last) == ("ok", 17, 48)
    # a row has the writing of the row before in it
    assert m.seconds_per_iteration == pytest.approx(by_rows, rel=1e-3)


def test_after_running_out_of_memory_the_epoch_begins_again_with_less(tmp_path: Path) -> None:
    m = read(OOM, tmp_path, 4, 30).measurement
    assert (m.throughput, m.processes) == (None, 2)
    assert "WARNING ⚠️ CPU out of memory with batch=4. Reducing to batch=2" in m.reason
    assert "give it a batch that fits its memory" in m.remedy
    m = read(OOM, tmp_path, 4, 30, images=2).measurement  # what it gave itself
    assert (m.status, m.processes, m.last) == ("ok", 2, 30)


def test_a_bar_that_is_broken_off_tells_of_no_further_iteration(tmp_path: Path) -> None:
    ten = [f"{0.5 * i:.1f}s" for i in range(1, 11)]
    again = bars(ten, 10)
    m = by_log(bars(ten[:6], 10) + again, tmp_path, 2, 5)
    assert (m.status, m.processes) == ("ok", 2), "NaN recovery repeats an epoch"
    alone = by_log(bars(ten[:6], 10), tmp_path, 2, 6)
    assert alone.status == "incomplete_window", "its sixth frame is the bar's end, not an iteration"


def test_from_a_minute_on_whole_seconds_are_shared_among_the_frames(tmp_path: Path) -> None:
    passed = [40 + 0.25 * i for i in range(1, 201)]
    shown = [f"{s:.1f}s" if s < 59.95 else f"{round(s) // 60}:{round(s) % 60:02d}" for s in passed]
    m = by_log(bars(shown, 300, end="\r"), tmp_path, 100, 180)
    assert (m.status, m.first, m.last) == ("ok", 101, 180)
    assert m.seconds_per_iteration == pytest.approx(0.25, abs=0.01)


def test_a_validations_bar_and_a_scan_are_no_iterations(tmp_path: Path) -> None:
    text = "\r\x1b[K\x1b[34mtrain: \x1b[0mScanning a/1/2 labels... 64 images: 9% ━━━━ 64/64 0.0s\n"
    text += "\r\x1b[K     Class     Images  mAP50-95): 50% ━━━─── 1/2 1.6it/s 0.2s<0.6s\n"
    assert by_log(text, tmp_path, 0, 2).status == "no_iterations"


def test_one_digit_more_of_the_bars_time_is_no_pause(tmp_path: Path) -> None:
    shown = [f"{0.115 * i:.1f}s" for i in range(1, 60)]
    m = by_log(bars(shown, 100, end="\r"), tmp_path, 5, 50)
    assert (m.status, m.clock, m.pauses) == ("ok", "log", None)


def test_a_smaller_batch_is_told_also_where_nobody_says_how_large_it_was() -> None:
    found = parse_log(OOM, recipes={}, window=Window(first=4, last=30)).measurement
    assert found.throughput is None
    told = [text for text in found.warnings if "changed its batch itself" in text]
    assert "Reducing to batch=2" in told[0]
