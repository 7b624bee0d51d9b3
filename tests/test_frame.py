"""The live view's lines: any state fits any window; telemetry is read as it is, or not at all."""

import itertools
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrbench.console.live import State, compose
from mrbench.console.meters import ASCII, UTF8, Gauge, read_gauges
from mrbench.console.plain import duration
from mrbench.model.inputs import Window
from mrbench.model.reporter import RunProgress
from test_live import HEADER, sample, started

FULL = Gauge(
    index=0,
    utilisation=0.97,
    memory_used_bytes=12 << 30,
    memory_total_bytes=16 << 30,
    power_w=251.4,
    power_limit_w=300,
    temperature_c=71,
)


def progress_at(iteration: int, **known: Any) -> RunProgress:  # noqa: ANN401 - numbers
    return RunProgress(iteration=iteration, end=520, window=Window(first=100, last=500), **known)


def state(gpus: int, progress: RunProgress | None) -> State:
    path = Path("/nowhere")
    return State(
        who="maskrcnn-benchmark",
        stage="installing 7 locked packages",
        start=started(path, path),
        progress=progress,
        gauges=[FULL] * gpus,
    )


STATES = [
    state(gpus, progress)
    for gpus in (0, 1, 8)
    for progress in (
        None,
        progress_at(40, left_s=3700.0),
        progress_at(360, throughput=59.12, half_width=0.41, loss=1.7, data_share=0.01, left_s=4.0),
    )
]


@pytest.mark.parametrize("signs", [UTF8, ASCII], ids=["utf8", "ascii"])
def test_every_state_fits_every_window(signs: object) -> None:
    assert signs in (UTF8, ASCII)
    chosen = UTF8 if signs is UTF8 else ASCII
    sizes = itertools.product((1, 7, 20, 39, 59, 79, 199), (1, 2, 3, 4, 11, 23))
    for (columns, rows), now in itertools.product(sizes, STATES):
        lines = compose(now, columns, rows, chosen)
        assert 1 <= len(lines) <= rows
        assert max(line.cell_len for line in lines) <= columns
        if chosen is ASCII:
            assert all(line.plain.replace("\u00b1", "").isascii() for line in lines)


@pytest.mark.parametrize("columns", [39, 59, 79, 199])
def test_a_small_window_keeps_what_matters(columns: int) -> None:
    text = "\n".join(line.plain for line in compose(STATES[-1], columns, 4, UTF8))
    for part in ("maskrcnn-benchmark", "360/520", "59.1 ± 0.4 img/s", "4 s left"):
        assert part in text
    for part in ("8 GPUs", "util 97%", "96.0 GiB", "2011 W", "71 °C"):
        assert part in text


def test_gpus_have_a_line_each_where_there_is_room() -> None:
    lines = [line.plain for line in compose(STATES[-1], 79, 23, UTF8)]
    assert len(lines) == 3 + 8
    assert lines[-1] == (
        "GPU 0  ━━━━━━ util 97%   ━━━━── 12.0 GiB   ━━━━━─ 251 W      ━━━━── 71 °C"
    )


def test_a_bar_is_never_shown_for_what_is_unknown() -> None:
    now = state(0, None)
    now.gauges = [Gauge(index=3, power_w=100.0), FULL]
    *_, third, _ = [line.plain for line in compose(now, 79, 23, UTF8)]
    assert "━" not in third
    assert "─" not in third
    assert third.split() == ["GPU", "3", "util", "-", "-", "GiB", "100", "W", "-", "°C"]
    *_, both = [line.plain for line in compose(now, 79, 3, UTF8)]
    assert "- GiB" in both, "a sum that lacks one would be too small"


def test_the_time_left_runs_down_and_does_not_lie() -> None:
    now = state(0, progress_at(360, left_s=4.0))
    for since_s, told in ((0.0, "4 s left"), (3.0, "1 s left"), (60.0, "no line for 1:00")):
        now.since_s = since_s
        assert told in "\n".join(line.plain for line in compose(now, 79, 23, UTF8))


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0 s"), (59.6, "1:00"), (187, "3:07"), (3787, "1:03:07")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


SOUND = sample({"GPU-a": {"utilisation_percent": 97, "temperature_c": 71}})


def test_the_last_whole_line_counts(tmp_path: Path) -> None:
    path = tmp_path / "telemetry.jsonl"
    assert read_gauges(path, 1) == ()
    older = SOUND.replace("97", "96")
    path.write_text(f'{HEADER}\n{older}\n{SOUND}\n{{"problem": "none"}}\n{SOUND[:20]}')
    (gauge,) = read_gauges(path, 1)
    assert (gauge.index, gauge.utilisation, gauge.temperature_c) == (2, 0.97, 71)
    assert gauge.power_w is None
    os.utime(path, (0, 0))
    assert read_gauges(path, 1) == (), "what is old is not what is now"


@given(
    st.binary()
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["gpus", "visible", "uuid", "GPU-a", "index", "power_w"]), inner
            )
        ),
    ).map(lambda value: json.dumps(value).encode())
    | st.dictionaries(
        st.sampled_from(["power_w", "utilisation_percent", "temperature_c", "memory_used_bytes"]),
        st.none() | st.floats() | st.integers(),
    ).map(lambda values: sample({"GPU-a": values}).encode())
)
def test_whatever_telemetry_says_is_survived(line: bytes) -> None:
    path = Path(os.environ["HOME"]) / "telemetry.jsonl"
    now = state(0, None)
    for text in (line, HEADER.encode() + b"\n" + line, line + b"\n" + SOUND.encode()):
        path.write_bytes(text + b"\n")
        now.gauges = read_gauges(path, 1)
        assert compose(now, 79, 23, ASCII)
