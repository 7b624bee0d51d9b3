"""Logs as people have them: launchers, newer formats, restarts, torn lines, absurd numbers."""

import json
import random
from collections.abc import Sequence

import pytest

import renderers
from formats import WINDOW, log_format, measured
from mrbench.measure.log.blocks import whole_lines
from mrbench.measure.parsers import parse_samples
from mrbench.measure.window import measure
from mrbench.model.inputs import Window
from mrbench.model.measurement import Measurement

STEADY = [0.5] * 540
PREFIXES = ["[1,{}]<stderr>:", "{}: ", "[rank{}]:", "[default{}]: "]


def found_in(text: str, name: str, window: Window = WINDOW) -> Measurement:
    samples = parse_samples(whole_lines([text.encode()]), log_format(name), 16, window)
    return measure(samples, window, 16)


def shuffled(ranks: Sequence[Sequence[str]], seed: int, reach: int) -> str:
    """Mix the lines of several ranks, each rank's in their order, none ahead by over `reach`."""
    rng = random.Random(seed)
    queues = [list(lines) for lines in ranks]
    done = [0] * len(queues)
    out = []
    while any(queues):
        least = min(n for n, queue in zip(done, queues, strict=True) if queue)
        ready = [i for i, queue in enumerate(queues) if queue and done[i] <= least + reach]
        i = rng.choice(ready)
        out.append(queues[i].pop(0))
        done[i] += 1
    return "".join(out)


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(
    ("name", "render"),
    [
        ("detectron2", renderers.detectron2),
        ("maskrcnn-benchmark", renderers.maskrcnn_benchmark),
        ("mmdetection", renderers.mmdetection),
        ("mmdetection3", renderers.mmdetection3),
        ("simpledet", renderers.simpledet),
        ("torchvision", renderers.torchvision),
        ("minimask", renderers.minimask),
    ],
)
def test_of_ranks_that_are_named_one_counts(
    prefix: str, name: str, render: renderers.Render
) -> None:
    ranks = [
        [prefix.format(r) + line for line in render([0.5 + 0.1 * r] * 540, 16)] for r in range(8)
    ]
    for seed in range(5):
        found = found_in(shuffled(ranks, seed, reach=5), name)
        assert (found.status, found.iterations, found.processes) == ("ok", 400, 1), found.reason
        assert found.seconds_per_iteration is not None
        near = [abs(found.seconds_per_iteration - 0.5 - 0.1 * r) < 2e-3 for r in range(8)]
        assert near.count(True) == 1


def test_eight_ranks_without_a_name_are_meaned_where_means_run() -> None:
    ranks = [renderers.maskrcnn_benchmark([0.5 + 0.01 * r] * 540, 16)[1::2] for r in range(8)]
    for seed in range(5):
        found = found_in(shuffled(ranks, seed, reach=0), "maskrcnn-benchmark")
        assert (found.status, found.iterations, found.processes) == ("ok", 400, 1)
        assert found.seconds_per_iteration == pytest.approx(0.535, abs=1e-4)


@pytest.mark.parametrize(
    ("line", "frequent", "first"),
    [
        ("INFO:root:Epoch[0] Batch [{k}]\tSpeed: {v:.2f} samples/sec\taccuracy=0.5", 20, 20),
        ("INFO:root:Epoch[0] Batch [{b}-{k}]\tSpeed: {v:.2f} samples/sec\taccuracy=0.5", 20, 20),
        ("INFO:root:Epoch[0] Batch [0-{k}]\tSpeed: {v:.2f} samples/sec\tloss=2.5", 50, 50),
        ("Epoch[0] Batch [{k}] Speed: {v:.2f} samples/sec Train-accuracy=0.9", 10, 10),
        ("2019-01-02 11:18:46,1 Iter[0] Batch [{k}]\tSpeed: {v:.2f} samples/sec", 50, 50),
        ("Epoch[0] Batch [{k}]\tSpeed: {v:.6f} samples/sec\taccuracy=0.5\tlr=0.1", 50, 49),
    ],
)
def test_speedometers_at_large(line: str, frequent: int, first: int) -> None:
    seconds = [0.4 + 0.01 * (i * i % 11) for i in range(1100)]
    text = ""
    for k in range(first, len(seconds), frequent):
        rate = frequent * 16 / sum(seconds[k - frequent + 1 : k + 1])
        text += line.format(b=k - frequent, k=k, v=rate) + "\n"
    text += "INFO:root:Epoch[0] Validation-accuracy=0.5\nINFO:root:Epoch[0] Time cost=332.061\n"
    found = found_in(text, "mxnet")
    assert (found.status, found.iterations) == ("ok", 400)
    assert found.first is not None
    assert found.last is not None
    assert found.first - 1 == 100 + (first % 10 == 0)
    truth = sum(seconds[found.first - 1 : found.last]) / 400
    assert found.seconds_per_iteration == pytest.approx(truth, rel=4e-4)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("form", ["compact", "spaced", "quoted"])
@pytest.mark.parametrize(
    ("name", "render"),
    [
        ("mmdetection-json", renderers.mmdetection_json),
        ("mmdetection3-scalars", renderers.scalars),
        ("detectron", renderers.detectron),
    ],
)
def test_json_keys_come_in_any_order_and_form(
    name: str, render: renderers.Render, form: str, seed: int
) -> None:
    rng = random.Random(seed)
    separators = (",", ":") if form == "compact" else (" , ", " : ")
    text = ""
    for line in render(STEADY, 16):
        if "{" not in line:
            continue
        head, _, rest = line.partition("{")
        entry = json.loads("{" + rest) | {f"loss_{i}": 0.5 for i in range(40)}
        if form == "quoted":
            entry = {k: str(v) if isinstance(v, float) else v for k, v in entry.items()}
        pairs = list(entry.items())
        rng.shuffle(pairs)
        text += head + json.dumps(dict(pairs), separators=separators) + "\n"
    found = found_in(text, name)
    assert (found.status, found.iterations) == ("ok", 400), found.reason
    assert found.seconds_per_iteration == pytest.approx(0.5)


def test_iterations_that_go_on_over_epochs_are_not_added_up() -> None:
    text = "".join(
        json.dumps({"mode": "train", "epoch": 1 + i // 170, "iter": i, "time": 0.5}) + "\n"
        for i in range(50, 541, 50)
    )
    found = found_in(text, "mmdetection-json")
    assert (found.first, found.last, found.iterations) == (101, 500, 400)


def test_a_run_resumed_at_70000_is_measured_from_there() -> None:
    lines = renderers.detectron2(STEADY, 16)
    text = "".join(lines[:1]).replace("iteration 0", "iteration 70000")
    for i, line in zip(range(19, 540, 20), lines[1:], strict=False):
        text += line.replace(f"iter: {i}  ", f"iter: {i + 70000}  ")
    found = found_in(text, "detectron2", Window(first=70100, last=70500))
    assert (found.status, found.first, found.iterations) == ("ok", 70101, 400)
    assert found.seconds_per_iteration == pytest.approx(0.5, abs=2e-4)
    assert found_in(text, "detectron2").status == "incomplete_window"


def tensorpack(epochs: Sequence[int], seconds: float) -> str:
    text = "[@logger.py:90] Argv: train.py\n"
    for epoch in epochs:
        text += f"[@base.py:275] Start Epoch {epoch} ...\n"
        text += f"[@base.py:285] Epoch {epoch} (global_step {50 * epoch}) finished,"
        text += f" time:{50 * seconds:.3g} seconds.\n"
    return text


def test_a_process_that_goes_on_where_another_ended_is_another() -> None:
    """Both together are no training's speed: the second one began slowly, or on other devices."""
    text = tensorpack(range(1, 6), 0.5) + tensorpack(range(6, 15), 0.7)
    assert found_in(text, "tensorpack").status == "incomplete_window"
    late = found_in(text, "tensorpack", Window(first=300, last=700))
    assert late.seconds_per_iteration == pytest.approx(0.7)
    assert late.processes == 2
    rows = "".join(
        f'{{"mode": "train", "epoch": 1, "iter": {i}, "time": {0.5 if i <= 300 else 0.7}}}\n'
        for i in range(50, 641, 50)
    )
    middle = rows.index('{"mode": "train", "epoch": 1, "iter": 350')
    head = '{"env_info": "sys.platform: linux"}\n'
    assert found_in(head + rows, "mmdetection-json").processes == 1
    resumed = found_in(head + rows[:middle] + head + rows[middle:], "mmdetection-json")
    assert (resumed.status, resumed.processes) == ("incomplete_window", 2)


def test_a_line_torn_by_a_crash_does_not_lend_itself_to_the_next_run() -> None:
    first, second = renderers.detectron2([0.5] * 540, 16), renderers.detectron2([0.7] * 540, 16)
    for cut in range(20, 120, 7):
        torn = "".join(first[:12]) + first[12][:cut]
        for glue in ("\n", ""):
            found = found_in(torn + glue + "".join(second), "detectron2")
            assert found.status == "ok"
            assert found.seconds_per_iteration == pytest.approx(0.7, abs=2e-4)


@pytest.mark.parametrize(
    ("name", "render"),
    [
        ("detectron2", renderers.detectron2),
        ("mmdetection", renderers.mmdetection),
        ("mmdetection3", renderers.mmdetection3),
        ("torchvision", renderers.torchvision),
        ("minimask", renderers.minimask),
    ],
)
def test_a_value_cut_off_within_its_digits_counts_as_missing(
    name: str, render: renderers.Render
) -> None:
    lines = render([0.5678] * 540, 16)
    torn = max(i for i, line in enumerate(lines[: len(lines) * 2 // 3]) if " time: 0.56" in line)
    lines[torn] = lines[torn][: lines[torn].index("time: 0.5") + len("time: 0.5")] + "\n"
    found = found_in("".join(lines), name)
    assert found.seconds_per_iteration == pytest.approx(0.568, abs=5e-4)
    assert found.rounding is not None
    assert found.rounding < 0.002


def test_two_records_on_one_line_keep_their_numbers() -> None:
    lines = renderers.mmdetection([0.1 * (1 + i // 50) for i in range(540)], 16)
    text = "".join(line.rstrip("\n") if i % 2 else line for i, line in enumerate(lines))
    one, two = found_in("".join(lines), "mmdetection"), found_in(text, "mmdetection")
    assert two.seconds_per_iteration == one.seconds_per_iteration
    assert two.iterations == 400


@pytest.mark.parametrize(
    "value", ["9" * 400, "0." + "1" * 400, "1e999", "nan", "inf", "-0.5", "0x1p3", "1_000", "0,5"]
)
def test_absurd_times_are_no_times(value: str) -> None:
    text = "".join(renderers.minimask(STEADY, 16)).replace("time: 0.5000", f"time: {value}")
    bare = "\n".join(line.partition("] ")[2] for line in text.splitlines())
    found = found_in(bare + "\n", "minimask")
    assert found.status != "ok"
    assert found.throughput is None


def test_absurd_iterations_are_no_iterations() -> None:
    line = "iter: {}  total_loss: 1.5  time: 0.5000  data_time: 0.1  lr: 0.1\n"
    head = "".join(renderers.detectron2(STEADY, 16))
    for number in ("9" * 13, "9" * 400, "-20", "20.5", "0x14", ""):
        assert found_in(head + line.format(number) * 3, "detectron2") == found_in(
            head, "detectron2"
        )
    assert found_in(head + line.format("9" * 12), "detectron2").iterations == 400


@pytest.mark.parametrize(
    ("name", "render", "loss"),
    [
        ("detectron2", renderers.detectron2, "total_loss: 4.146"),
        ("maskrcnn-benchmark", renderers.maskrcnn_benchmark, "loss: 2.2377"),
        ("mmdetection", renderers.mmdetection, " loss: 3.8790"),
        ("detectron", renderers.detectron, '"loss": "1.364520"'),
        ("torchvision", renderers.torchvision, " loss: 4.6277"),
    ],
)
def test_a_loss_that_is_no_number_is_told(name: str, render: renderers.Render, loss: str) -> None:
    text = "".join(render(STEADY, 16))
    bad = loss.rstrip('0123456789."') + ('"NaN"' if '"' in loss else "nan")
    assert loss in text
    found = found_in(text.replace(loss, bad), name)
    assert (found.status, found.throughput) == ("diverged", None)


def test_a_bar_without_an_end_leaves_the_line_behind_it_whole() -> None:
    bar = "100%|##########|50/50[21:29<00:00, 0.39it/s]"
    for name, render in (
        ("tensorpack", renderers.tensorpack),
        ("detectron2", renderers.detectron2),
    ):
        lines = render(STEADY, 16)
        glued = "".join(bar + line for line in lines).encode()
        one, two = measured("".join(lines).encode(), name), measured(glued, name)
        assert two.seconds_per_iteration == one.seconds_per_iteration
        assert two.second_clock == one.second_clock == "printed"
