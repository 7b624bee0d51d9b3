"""What logs state of their own workload, by the recipes' patterns, in logs of real trainings."""

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from mrbench.errors import RecipeError
from mrbench.measure.anylog import KnownLog, parse_log
from mrbench.measure.log.blocks import read_blocks
from mrbench.measure.log.stated import check_patterns, read_stated
from mrbench.measure.parsers import resolve_format
from mrbench.model.inputs import Window
from mrbench.model.logformat import LogFormat
from mrbench.model.record import StatedFact
from mrbench.recipe import load, plan
from toy import edit, make_suite, mrbench

KEPT = Path(__file__).parent / "kept" / "smoke"
LOGS = Path(__file__).parent / "logs"
# what the logs of the suite smoke state; the others print nothing of their configuration
STATED = {
    "detectron": {"per_device": "1", "gpus": "1", "image_size": "128/192"},
    "detectron2": {"work_per_iteration": "1", "gpus": "1", "image_size": "128/192"},
    "maskrcnn-benchmark": {
        "work_per_iteration": "1",
        "gpus": "1",
        "precision": "float32",
        "image_size": "128/192",
    },
    "matterport": {"work_per_iteration": "1", "gpus": "1", "image_size": "192/192"},
    "mmdetection": {},
    "simpledet": {"per_device": "1", "image_size": "128/192"},
    "tensorpack": {"work_per_iteration": "2", "image_size": "128/192"},
    "torchvision": {"per_device": "1", "gpus": "1"},
}


@pytest.mark.parametrize("name", STATED)
def test_a_kept_log_states_what_its_recipe_plans(name: str) -> None:
    made = plan.make_plan(load.load_named("smoke", name))
    (log,) = KEPT.glob(f"{name}/*/train.log.gz")
    found = read_stated(read_blocks(log), made.log.states)
    values = {fact: item.value for fact, item in found.items()}
    assert values == STATED[name]
    assert values.keys() == made.log.states.keys()
    planned = {
        "work_per_iteration": str(made.work_per_iteration),
        "per_device": str(made.per_device),
        "gpus": str(made.gpus),
        "precision": made.precision,
        "image_size": made.image_size,
    }
    assert values.items() <= planned.items()


def test_todays_detectron2_states_it_in_another_way() -> None:
    states = plan.make_plan(load.load_named("today", "detectron2")).log.states
    found = read_stated(read_blocks(LOGS / "detectron2-today.log"), states)
    assert found["work_per_iteration"].value == "2"
    assert found["image_size"].value == "64/107"


def test_a_value_may_be_called_otherwise_in_the_log() -> None:
    log = plan.make_plan(load.load_named("detectors-smoke", "yolo26-seg")).log
    blocks = list(read_blocks(LOGS / "ultralytics.log.gz"))  # of a run that was told other things
    told = {name: fact.value for name, fact in read_stated(blocks, log.states, log.means).items()}
    assert told == {
        "work_per_iteration": "4",
        "samples_per_step": "64",
        "gpus": "1",
        "image_size": "160/160",
        "precision": "float16",  # amp=True
    }


@pytest.mark.parametrize(
    ("line", "stated"),
    [
        (b"batch_cost: 1.3381 data_cost: 0.0003 ips: 0.7473 images/s", "1"),
        (b"batch_cost: 0.2500 data_cost: 0.0003 ips: 64.0000 images/s", "16"),
        (b"batch_cost: 0.5000 data_cost: 0.0003 ips: 3.0100 images/s", None),  # 1.5: none
        (b"batch_cost: 0.1 data_cost: 0.0003 ips: 2560 images/s", None),  # 128 to 384
    ],
)
def test_a_rate_and_its_seconds_state_the_batch(line: bytes, stated: str | None) -> None:
    states = resolve_format(LogFormat(format="paddledetection")).states
    fact = read_stated([(0, line + b"\n")], states).get("per_device")
    assert (fact.value if fact else None) == stated


def test_a_batch_that_contradicts_the_log_is_noted() -> None:
    def noted(log: str, name: str, first: int, last: int, work: int | None = None) -> str:
        known = {}
        if "/" in name:
            made = plan.make_plan(load.load_named(*name.split("/")))
            known = {name: KnownLog(made.log, made.work_per_iteration, made.unit)}
        window = Window(first=first, last=last)
        m = parse_log(
            LOGS / log, recipes=known, window=window, implementation=name, work_per_iteration=work
        ).measurement
        return f"{m.work_per_iteration}: {'; '.join(m.warnings)}"

    text = noted("ultralytics.log.gz", "detectors/yolo26-seg", 4, 30)
    assert text.startswith("4: ")
    assert "64 images per optimizer step, and 4 per iteration" in text
    text = noted("paddledetection.log.gz", "paddledetection", 21, 61, 16)
    assert "states 1 per device, so 16 per iteration would be of 16 devices" in text
    assert noted("timm.log", "timm", 3, 13).startswith("8: ")
    assert "states 8 images per iteration, not 80" in noted("timm.log", "timm", 3, 13, 80)


def test_what_is_called_otherwise_must_be_stated() -> None:
    recipe = load.load_named("detectors-smoke", "yolo26-seg")
    log = replace(recipe.recipe.log, means={"accumulation": {"none": "1"}})
    bad = replace(recipe, recipe=replace(recipe.recipe, log=log))
    with pytest.raises(RecipeError, match=r"log\.states has no accumulation"):
        plan.make_plan(bad)


def test_todays_detectron2_states_its_precision_by_two_options() -> None:
    log = plan.make_plan(load.load_named("today", "detectron2")).log
    for level, amp, said in (
        ("highest", "false", "float32"),
        ("high", "false", "tf32"),
        ("highest", "true", "float16"),
        ("''", "false", "''/false"),  # PyTorch's own default is none of ours
    ):
        text = f"FLOAT32_PRECISION: {level}\nSOLVER:\n  AMP:\n    ENABLED: {amp}\n".encode()
        found = read_stated([(0, text)], log.states, log.means)
        assert found["precision"].value == said


def test_the_last_statement_counts_and_its_line_is_told() -> None:
    text = b"batch: 8\nsize: 1333.0\nbatch: 16\n"
    found = read_stated([(0, text)], {"work_per_iteration": r"^batch: (\d+)"})
    assert found == {"work_per_iteration": StatedFact(value="16", line=3)}
    size = {"image_size": r"size: (?P<long>[\d.]+)\nbatch: (?P<short>\d+)"}
    assert read_stated([(0, text)], size)["image_size"].value == "16/1333"


@pytest.mark.parametrize(
    ("name", "pattern", "says"),
    [
        (
            "batch",
            r"(\d+)",
            "is none of work_per_iteration, samples_per_iteration, samples_per_step",
        ),
        ("gpus", r"gpus: \d+", "needs a group"),
        ("gpus", r"(", "is not a valid regular expression"),
    ],
)
def test_a_pattern_that_cannot_be_is_refused(name: str, pattern: str, says: str) -> None:
    with pytest.raises(RecipeError, match=says):
        check_patterns({name: pattern})


def test_a_recipes_bad_pattern_is_told_with_its_line(
    tmp_path: Path, git: Callable[..., str]
) -> None:
    path = make_suite(tmp_path, git)
    edit(path, "  every: 10\n", "  every: 10\n  states:\n    gpus: 'no group'\n")
    done = mrbench("run", "--dry-run", "--recipe", path, cwd=tmp_path)
    assert done.returncode == 2
    line = path.read_text().splitlines().index("  states:") + 2
    assert f"toy.yaml:{line}: log.states.gpus: needs a group" in done.stderr


def test_parse_takes_the_batch_that_a_log_states(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    head = "SOLVER:\n  BASE_LR: 0.02\n  IMS_PER_BATCH: 60\n"
    body = (LOGS / "maskrcnn-benchmark.log").read_text()
    log.write_text(head + body[body.index("Start training") - 60 :])
    made = plan.make_plan(load.load_named("2019", "maskrcnn-benchmark"))
    known = {"maskrcnn-benchmark": KnownLog(made.log, made.work_per_iteration)}
    window = Window(first=20, last=120)
    found = parse_log(log, recipes=known, window=window).measurement
    assert found.work_per_iteration == 60
    assert found.warnings == ()
    other = parse_log(log, recipes=known, window=window, work_per_iteration=16).measurement
    assert other.work_per_iteration == 16
    assert "the log states 60 images per iteration, not 16" in other.warnings
