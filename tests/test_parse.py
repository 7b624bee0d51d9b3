"""Parsing whole logs: those of real trainings against their arrival times, and bad ones."""

import gzip
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import renderers
from mrbench import cli
from mrbench.errors import MeasureError, RecipeError
from mrbench.measure.anylog import KnownLog, ParsedLog, parse_log
from mrbench.measure.log.blocks import LONGEST_LINE_BYTES, read_blocks, whole_lines
from mrbench.model.inputs import Window
from mrbench.model.logformat import LogFormat
from mrbench.recipe import load

LOGS = Path(__file__).parent / "logs"
WINDOW = Window(first=100, last=500)
RECIPES = {
    name: KnownLog(
        LogFormat(format=name, clock="arrival" if name == "matterport" else "log"), images
    )
    for name, images in [
        ("detectron2", 16),
        ("maskrcnn-benchmark", 16),
        ("tensorpack", 8),
        ("mmdetection", 16),
        ("simpledet", 16),
        ("detectron", 16),
        ("matterport", 16),
    ]
}


def parsed(
    path: Path,
    window: Window = WINDOW,
    *,
    implementation: str | None = None,
    images: int | None = None,
    given: dict[str, int] | None = None,
) -> ParsedLog:
    return parse_log(
        path,
        recipes=RECIPES,
        window=window,
        implementation=implementation,
        work_per_iteration=images,
        given=given or {},
    )


def as_printed(log: ParsedLog) -> Any:  # noqa: ANN401 - what `--json` prints
    return json.loads(json.dumps(log.to_dict()))


# Real trainings on a busy CPU, with the arrival times of their output. The truth is those times;
# how near the log's own seconds come: hooks lie outside its clock, or it prints two digits.
@pytest.mark.parametrize(
    ("log", "window", "implementation", "within"),
    [
        ("detectron2-2019.log", (20, 140), "detectron2", 0.001),
        ("detectron2-today.log", (20, 140), "detectron2", 0.01),
        ("maskrcnn-benchmark.log", (20, 120), "maskrcnn-benchmark", 0.001),
        ("matterport-pipe.log.gz", (50, 150), "matterport", 0.005),
        ("matterport-terminal.log.gz", (50, 150), "matterport", 0.005),
        ("tensorpack-2-ranks.log.gz", (50, 150), "tensorpack", 0.001),
        ("detectron.log.gz", (41, 141), "detectron", 0.001),
        ("simpledet.log.gz", (11, 121), "simpledet", 0.005),
        ("mmdetection3.log.gz", (100, 200), "mmdetection", 0.001),
    ],
)
def test_a_real_log_agrees_with_its_arrival_times(
    log: str, window: tuple[int, int], implementation: str, within: float
) -> None:
    images = 1 if implementation == "simpledet" else 2
    found = parsed(LOGS / log, Window(first=window[0], last=window[1]), images=images)
    m = found.measurement
    assert (m.status, found.implementation) == ("ok", implementation)
    assert (m.first, m.last) == (window[0] + 1, window[1])
    assert m.iterations == window[1] - window[0]
    assert m.agreement == pytest.approx(1, abs=within)
    assert m.warnings == ()


def test_the_json_has_the_promised_keys() -> None:
    found = as_printed(
        parsed(LOGS / "maskrcnn-benchmark.log", Window(first=20, last=120), images=2)
    )
    assert {
        "status": "ok",
        "implementation": "maskrcnn-benchmark",
        "first": 21,
        "last": 120,
        "iterations": 100,
        "work_per_iteration": 2,
        "clock": "log",
        "processes": 1,
        "warnings": [],
    }.items() <= found.items()
    assert found["throughput"] == pytest.approx(2 / found["seconds_per_iteration"])
    assert found["throughput"] == pytest.approx(0.25612, rel=1e-3)
    assert json.loads(json.dumps(found)) == found


@pytest.mark.parametrize(
    ("log", "window", "format_"),
    [
        ("detectron2-metrics.json", (20, 140), "detectron2-metrics"),
        ("mmdetection3-scalars.json.gz", (100, 200), "mmdetection3-scalars"),
        ("mmdetection.log", (10, 30), "mmdetection"),
    ],
)
def test_machine_readable_files_are_an_implementations_too(
    log: str, window: tuple[int, int], format_: str
) -> None:
    for name in (None, format_.split("-", maxsplit=1)[0].rstrip("3")):
        over = Window(first=window[0], last=window[1])
        given = {"smoothing": 50} if "scalars" in log else None  # which scalars.json leaves out
        found = parsed(LOGS / log, over, implementation=name, given=given)
        assert (found.measurement.status, found.format) == ("ok", format_)
        # the file does not tell its batch: only who names the recipe gets a throughput
        assert found.measurement.work_per_iteration == (16 if name else None)
        assert (found.measurement.throughput is None) == (name is None)
        says = "recipe's" if name else "does not state its images per iteration"
        assert any(says in text for text in found.measurement.warnings)


def test_medians_are_told() -> None:
    found = parsed(LOGS / "detectron2-metrics.json", Window(first=20, last=140), images=2)
    assert "medians" in found.measurement.warnings[0]


@pytest.mark.parametrize(
    ("log", "status", "says"),
    [
        ("detectron-nan.log.gz", "diverged", "Loss is NaN"),
        ("tensorpack-abort.log", "failed", "Must be non NULL"),
        ("simpledet-missing-operator.log", "failed", "AttributeError: module 'mxnet"),
    ],
)
def test_a_training_that_failed_says_why(log: str, status: str, says: str) -> None:
    found = parsed(LOGS / log)
    assert found.measurement.status == status
    assert says in found.measurement.reason
    assert found.measurement.throughput is None
    printed = as_printed(found)
    failure = printed["failure"]
    assert says in failure["line"]
    assert failure["remedy"] == found.measurement.remedy
    assert printed["reason"].endswith(failure["remedy"])


@pytest.mark.parametrize("render", [renderers.gluoncv, renderers.torchvision, renderers.minimask])
def test_images_of_a_log_that_no_recipe_writes_are_not_guessed(
    tmp_path: Path, render: renderers.Render
) -> None:
    log = tmp_path / "log.txt"
    log.write_text("".join(render([0.5] * 540, 16)))
    found = parsed(log)
    assert found.implementation is None
    m = found.measurement
    if render is renderers.gluoncv:  # its line counts the images itself
        assert m.throughput == pytest.approx(32)
        assert m.seconds_per_iteration is None
    else:
        assert m.throughput is None
        assert m.seconds_per_iteration == pytest.approx(0.5)
        assert any("--work-per-iteration" in text for text in m.warnings)
    assert parsed(log, images=16).measurement.throughput == pytest.approx(32)


ALL = [
    ("detectron2", renderers.detectron2),
    ("detectron2", renderers.detectron2_today),
    ("maskrcnn-benchmark", renderers.maskrcnn_benchmark),
    ("mmdetection", renderers.mmdetection),
    ("mmdetection-json", renderers.mmdetection_json),
    ("mmdetection3", renderers.mmdetection3),
    ("mmdetection3-scalars", renderers.scalars),
    ("simpledet", renderers.simpledet),
    ("gluoncv", renderers.gluoncv),
    ("mxnet", renderers.mxnet),
    ("detectron", renderers.detectron),
    ("tensorpack", renderers.tensorpack),
    ("tensorpack-stats", renderers.tensorpack_stats),
    ("matterport", renderers.keras_terminal),
    ("torchvision", renderers.torchvision),
    ("minimask", renderers.minimask),
]


@pytest.mark.parametrize(("format_", "render"), ALL)
def test_the_format_is_found_whatever_stands_before(
    tmp_path: Path, format_: str, render: renderers.Render
) -> None:
    log = tmp_path / "x.log.gz"
    head = "time: 1.0 iter: 20, max_iter: 500  \n\x00\xff Epoch 1/2\n" * 30_000
    log.write_bytes(gzip.compress((head + "".join(render([0.5] * 540, 16))).encode("latin-1")))
    given = {"smoothing": 50} if "scalars" in format_ else None
    assert parsed(log, images=16, given=given).format == format_
    assert parsed(log, images=16, given=given).measurement.status == "ok"


def test_a_recipes_own_pattern_is_tried_too(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"s{i} took 0.25\n" for i in range(1, 600)))
    mine = LogFormat(
        pattern=r"^s(?P<iteration>\d+) took (?P<value>\S+)", timing="interval_mean", every=1
    )
    found = parse_log(log, recipes=RECIPES | {"mine": KnownLog(mine, 4)}, window=WINDOW)
    assert (found.implementation, found.format) == ("mine", None)
    assert found.measurement.throughput == pytest.approx(16)


def test_an_unknown_implementation_is_answered_with_a_near_one() -> None:
    with pytest.raises(RecipeError, match="did you mean 'detectron2'"):
        parsed(LOGS / "detectron2-2019.log", implementation="detecton2")


def test_what_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    cut = gzip.compress(b"x" * 10_000)[:-20]
    (tmp_path / "cut.gz").write_bytes(cut)
    (tmp_path / "false.gz").write_bytes(b"\x1f\x8bnot gzip")
    for name in ("missing", "folder", "cut.gz", "false.gz"):
        with pytest.raises(MeasureError) as caught:
            parsed(tmp_path / name)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [None, "detectron2", "matterport"])
def test_empty_and_binary_files_have_no_iterations(tmp_path: Path, name: str | None) -> None:
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "binary").write_bytes(random.Random(1).randbytes(3_000_000))
    for file in ("empty", "binary"):
        found = parsed(tmp_path / file, implementation=name)
        assert found.measurement.status == "no_iterations"
        assert found.to_dict()["throughput"] is None


def test_blocks_end_at_a_lines_end_and_lose_nothing(tmp_path: Path) -> None:
    text = b"".join(b"x" * (i % 97) + (b"\r" if i % 3 else b"\n") for i in range(60_000))
    (tmp_path / "log").write_bytes(text + b"cut off")
    blocks = list(read_blocks(tmp_path / "log"))
    assert b"".join(block for _, block in blocks) == text + b"cut off"
    assert all(block[-1:] in b"\r\n" for _, block in blocks[:-1])
    assert len(blocks) > 2
    at = 0
    for offset, block in blocks:
        assert offset == at
        at += len(block)


def test_a_line_without_end_is_handed_on_in_parts() -> None:
    blocks = list(whole_lines(b"." * 1000 for _ in range(10_000)))
    assert sum(len(block) for _, block in blocks) == 10_000_000
    assert max(len(block) for _, block in blocks) <= LONGEST_LINE_BYTES + 1000


def test_memory_does_not_grow_with_the_log(tmp_path: Path) -> None:
    # 60 MB of log; the child may not take more than 24 MB to read it.
    lines = "".join(renderers.detectron2([0.5] * 540, 16)).encode()
    noise = b"[05/23 23:57:47 d2.data]: a line that says nothing of iterations " * 2 + b"\n"
    log = tmp_path / "long.gz"
    with gzip.open(log, "wb", compresslevel=1) as file:
        file.write(lines)
        for _ in range(60):
            file.write(noise * 7_500)
    code = (
        "import sys; from pathlib import Path;"
        "from mrbench.measure.anylog import KnownLog, parse_log;"
        "from mrbench.model.logformat import LogFormat; from mrbench.model.inputs import Window;"
        "import resource; limit = 24 << 20;"
        "base = int(open('/proc/self/statm').read().split()[5]) * resource.getpagesize();"
        "resource.setrlimit(resource.RLIMIT_DATA, (base + limit, base + limit));"
        "known = {'detectron2': KnownLog(LogFormat(format='detectron2'), 16)};"
        "found = parse_log(Path(sys.argv[1]), recipes=known, window=Window(first=100, last=500));"
        "print(found.measurement.status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(log)], capture_output=True, text=True, check=False
    )
    assert done.stdout == "ok\n", done.stderr


def test_a_recipe_of_ones_own_parses_a_log_over_its_suites_window(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "train.log"
    log.write_text("".join(f"step {i}, 500.0 ms each\n" for i in range(10, 700, 10)))
    carried = Path(load.__file__).parents[2] / "recipes" / "demo"
    head, _, _ = (carried / "minimask.yaml").read_text().partition("\nlog:\n")
    guards = "guards: {evaluation: a, checkpoint: b, resume: c, stop: d}\n"
    pattern = "step (?P<iteration>\\d+), (?P<value>[\\d.]+) ms each"
    head = head.replace("  patches: [demo/minimask.patch]\n", "")
    text = f"{head}\nlog: {{pattern: '{pattern}', timing: interval_mean}}\n{guards}"
    (tmp_path / "mine.yaml").write_text(text)
    suite = (carried / "suite.yaml").read_text()
    (tmp_path / "suite.yaml").write_text(suite.replace("order: [minimask]", "order: [mine]"))
    words = ["parse", str(log), "--recipe", str(tmp_path / "mine.yaml"), "--json"]
    assert cli.main(words) == 0, capsys.readouterr().err
    found = json.loads(capsys.readouterr().out)
    window = load.read_suite(tmp_path / "suite.yaml").window
    assert (found["implementation"], found["first"]) == ("mine", window.first + 1)
    assert (found["last"], found["seconds_per_iteration"]) == (window.last, pytest.approx(0.5))
    assert cli.main([*words, "--impl", "detectron2"]) == 2
    assert "exclude each other" in capsys.readouterr().err


@pytest.mark.parametrize("quote", ["", "'"])
def test_a_pattern_on_the_command_line_is_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], quote: str
) -> None:
    lines = [f"Epoch {i}: [it's #{i}] took: 2.0\n" for i in range(1, 31)]
    (tmp_path / "train.log").write_text("".join(lines))
    text = r"Epoch (?P<iteration>\d+): \[it's #\d+\] took: (?P<value>\S+)"
    quoted = f"{quote}{text.replace(quote, 2 * quote) if quote else text}{quote}"
    keys = ["--as", f"pattern: {quoted}", "--as", "timing: interval_mean"]
    cli.main(["parse", str(tmp_path / "train.log"), "--window", "10:20", *keys])
    assert "2.000000 s per iteration" in capsys.readouterr().out


def test_a_log_of_no_known_format_is_told_which_there_are(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("epoch one of twenty done\n" * 20)
    m = parsed(log).measurement
    assert (m.status, m.reason) == ("no_iterations", "no line is of a format that mrbench knows")
    assert "detectron2" in m.remedy
    assert "--recipe FILE" in m.remedy


@pytest.mark.parametrize("value", ["0,5678", "3,5678"])
def test_decimal_commas_are_named_and_not_cut_off(value: str, tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    for name in ("mmdetection", "mmdetection3", "detectron2", "torchvision"):
        lines = getattr(renderers, name)([float(value.replace(",", "."))] * 540, 16)
        path.write_text("".join(lines).replace(value[:3].replace(",", "."), value[:3]))
        for implementation in (None, name if name in RECIPES else None):
            found = parsed(path, implementation=implementation).measurement
            assert (found.status, found.seconds_per_iteration) == ("no_iterations", None), name
            assert "comma" in found.reason


def test_a_log_shorter_than_its_printing_interval_is_of_a_known_format(tmp_path: Path) -> None:
    path = tmp_path / "train.log"
    for name in ("mmdetection", "mmdetection3", "maskrcnn-benchmark"):
        render = getattr(renderers, name.replace("-", "_"))
        path.write_text("".join(render([0.5] * 9, 16)))
        found = parsed(path).measurement
        assert found.status == "no_iterations"
        assert f"a training of the format {name} begins" in found.reason
        assert "longer" in found.remedy
