"""The GPU memory that logs print: read in their unit, the most of the process up to the window."""

import gzip
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

import renderers
from formats import FORMATS, ITERATIONS, measured
from manyruns import KEPT
from mrbench.measure.parsers import FORMAT_NAMES
from mrbench.model.measurement import Measurement
from mrbench.record import rundir
from mrbench.results.show import describe_run
from toy import mrbench

SECONDS = [0.5] * ITERATIONS
LOGS = Path(__file__).parent / "logs"
MIB = 1 << 20
# By renderer: the MiB that it prints. The programs divide the bytes of their allocator by 2**20.
PRINTED = {
    "detectron2": 4710,
    "detectron2_today": 5449,
    "maskrcnn_benchmark": 2463,
    "mmdetection": 3566,
    "mmdetection_json": 3566,
    "mmdetection3": 3566,
    "scalars": 3566,
    "detectron": 4711,
    "detectron_bare": 4711,
    "torchvision": 2121,
    "swin": 9000,
    "yolox": 5707,
    "paddledetection": 3566,
}


@pytest.mark.parametrize(("name", "render"), [f[:2] for f in FORMATS])
def test_the_peak_is_read_where_a_format_prints_it(name: str, render: renderers.Render) -> None:
    found = measured("".join(render(SECONDS, 16)).encode(), name)
    mib = PRINTED.get(render.__name__)
    assert found.peak_allocated_bytes == (None if mib is None else mib * MIB)


def mmengine(memory: Sequence[int]) -> Measurement:
    """Measure 100:500 of a log that prints so many MiB with each of its lines, every 50."""
    lines, left = [], list(memory)
    for line in renderers.mmdetection3(SECONDS, 16):
        new = line
        if "memory:" in line:
            new = line.replace("memory: 3566", f"memory: {left.pop(0) if left else 1}")
        lines.append(new)
    return measured("".join(lines).encode(), "mmdetection3")


def test_a_peak_that_each_line_counts_anew_is_the_highest_up_to_the_windows_end() -> None:
    before, inside, behind = [1, 7], [3, 9, 2, 4, 4, 4, 4, 4], [50]
    assert mmengine([*before, *inside, *behind]).peak_allocated_bytes == 9 * MIB
    assert mmengine([1, 7, 3, 2, 2, 4, 4, 4, 4, 4, 50]).peak_allocated_bytes == 7 * MIB


def test_another_process_of_the_log_does_not_lend_its_peak() -> None:
    first = "".join(renderers.mmdetection(SECONDS, 16)).replace("3566", "9999")
    second = "".join(renderers.mmdetection(SECONDS, 16))
    assert measured((first + second).encode(), "mmdetection").peak_allocated_bytes == 3566 * MIB


@pytest.mark.parametrize("text", ["0", "0.0", "nan", "99999999999"])
def test_what_no_gpu_can_have_is_unknown(text: str) -> None:
    log = "".join(renderers.mmdetection(SECONDS, 16)).replace("3566", text)
    assert measured(log.encode(), "mmdetection").peak_allocated_bytes is None


def test_a_line_that_is_cut_off_tells_no_memory() -> None:
    lines = renderers.swin(SECONDS, 16)
    cut = [re.sub(r"mem 9000MB$", "mem 90", line.rstrip()) + "\n" for line in lines]
    assert measured("".join(cut).encode(), "swin").peak_allocated_bytes is None


def test_of_ranks_that_all_print_the_fullest_counts() -> None:
    lines = []
    for line in renderers.maskrcnn_benchmark(SECONDS, 16):
        lines += [line, line.replace("max mem: 2463", "max mem: 2500")]
    assert (
        measured("".join(lines).encode(), "maskrcnn-benchmark").peak_allocated_bytes == 2500 * MIB
    )


def test_real_logs_of_cpus_tell_of_no_gpu_memory() -> None:
    assert "mmdetection" in FORMAT_NAMES
    for name, file in (("mmdetection", "mmdetection.log"), ("swin", "swin.log.gz")):
        raw = (LOGS / file).read_bytes()
        log = gzip.decompress(raw) if file.endswith(".gz") else raw
        assert measured(log, name).peak_allocated_bytes is None


def test_parse_and_show_print_it(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    log.write_text("".join(renderers.detectron2(SECONDS, 16)))
    done = mrbench("parse", log, "--window", "100:500", cwd=tmp_path)
    assert "4710 MiB of a GPU's memory allocated at most" in done.stdout
    record = rundir.load(next(KEPT.glob("smoke/detectron2/*/record.json")))
    assert record.measurement
    assert "allocated" not in describe_run(record, "a run")
    printed = replace(record.measurement, peak_allocated_bytes=4710 * MIB)
    text = describe_run(replace(record, measurement=printed), "a run")
    assert "4710 MiB of a GPU's memory allocated at most, as the log prints it" in text
