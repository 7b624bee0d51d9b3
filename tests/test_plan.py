"""Plans keep their bytes and digests from one version of mrbench to the next."""

import json
from pathlib import Path

import msgspec
import pytest

from mrbench.errors import MrbenchError, RecipeError
from mrbench.model.inputs import Window
from mrbench.model.plan import FORMAT, Plan
from mrbench.model.work import with_new_names
from mrbench.recipe import load
from mrbench.recipe.plan import make_plan, parse_window
from mrbench.record.formats import plan_of, read_plan
from mrbench.run.recorder import family
from toy import edit

KEPT = sorted((Path(__file__).parent / "kept" / "smoke").glob("*/*/plan.json"))
OLDER = Path(__file__).parent / "kept" / "format2" / "smoke"
SUITE = """
title: Toys
model: none
window: {first: 10, last: 40}
hardware: {accelerator: cpu, count: 1, name: any CPU}
"""
RECIPE = r"""
title: Toy
framework: none
source:
  url: https://example.org/toy
  commit: 0123456789abcdef0123456789abcdef01234567
  substitutions:
    - {text: a, replacement: b, files: "*.py", expect_files: 1, expect_lines: 2}
environment: {kind: venv, python: "3.7", requirements: six==1.16.0, build: ["make all"]}
workload: {per_device: 4, learning_rate_per_image: 0.00125}
launch:
  command: "{python} train.py {learning_rate}"
  variables: {THREADS: 2}
  multi_node: {command: "{python} train.py {node_rank}"}
data: {layout: any, links: {a: b}, synthetic: {images: 8, width: 64, height: 64}}
weights: [{file: a.pth, url: "https://example.org/a.pth", size_bytes: 7}]
log:
  pattern: 'iter: (?P<iteration>\d+) time: (?P<value>[\d.]+) s'
  timing: interval_mean
  every: 10
  states: {gpus: 'gpus: (\d+)'}
sample: {log: a.log, throughput: 4, origin: by hand, window: {first: 1, last: 2}}
guards: {evaluation: none, checkpoint: none, resume: none, stop: none}
software: {CUDA: 10.0}
"""


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.parts[-3])
def test_a_kept_plan_is_written_as_it_was_read_but_for_its_new_names(path: Path) -> None:
    plan = read_plan(path)
    written = json.loads(path.read_bytes())
    now = plan.plain()
    assert (written.pop("format"), now.pop("format")) == (3, FORMAT)
    assert with_new_names(written) == json.loads(json.dumps(now))


def test_digests_of_a_recipe_stay_what_they_were(tmp_path: Path) -> None:
    (tmp_path / "suite.yaml").write_text(SUITE)
    (tmp_path / "toy.yaml").write_text(RECIPE)
    suite = load.read_suite(tmp_path / "suite.yaml")
    file = load.load_file(tmp_path / "toy.yaml", suite_name="toys", suite=suite)
    plan = make_plan(file)
    assert plan.digest == "cf3371d9b5460d7a27601ab3410f200754636735a3ff9afb5c9cf5e5f60b49ea"
    digest = "92865f147d175a41d6f28f10c1cd993d6771b3407a55b7bac826c1a1e6086944"
    assert family(file, plan) == digest


def test_a_plan_of_an_older_format_is_read() -> None:
    (path,) = OLDER.glob("*/*/plan.json")
    plan = read_plan(path)
    assert plan.format == FORMAT
    assert plan.image_size is None


def changed(**changes: object) -> bytes:
    return json.dumps(json.loads(KEPT[0].read_bytes()) | changes).encode()


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (changed(format=99), "f: written by a newer mrbench (plan format 99; this one reads up to"),
        (changed(format=1), "f: has plan format 1; this mrbench reads 2 to 4; read it with"),
        (changed(format="3"), "f: format: expected a whole number, got text"),
        (changed(gpus=0), "f: gpus: expected a whole number of at least 1"),
        (changed(colour="red"), "f: colour: unknown key"),
        (changed(variables={"A": "1", "B": 2}), "f: variables.B: expected text, got a whole"),
        (changed(log={"format": "x", "every": 0}), "f: log.every: expected a whole number of at"),
        (b"[]", "f: expected keys and values, got a list"),
        (b'{"format": 3', "f: is not JSON ("),
        (b"[" * 100_000, "f: is not JSON ("),
        (b"\xff", "f: is not JSON ("),
    ],
)
def test_what_is_no_plan_is_refused_with_file_and_key(raw: bytes, message: str) -> None:
    with pytest.raises(MrbenchError) as caught:
        plan_of(raw, "f")
    assert str(caught.value).startswith(message)
    assert caught.value.remedy


def test_a_digest_follows_from_everything_but_one_node() -> None:
    plan = read_plan(KEPT[0])
    several = msgspec.structs.replace(plan, nodes=2)
    assert '"nodes": 2' in several.canonical()
    assert '"nodes"' not in plan.canonical()
    assert plan_of(several.canonical().encode(), "f") == several


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "suite.yaml").write_text(SUITE)
    path = tmp_path / "toy.yaml"
    path.write_text(RECIPE)
    return path


def planned(path: Path, *, gpus: int | None = None, window: Window | None = None) -> Plan:
    suite = load.read_suite(path.with_name("suite.yaml"))
    return make_plan(load.load_file(path, suite_name="toys", suite=suite), gpus=gpus, window=window)


def test_a_number_of_gpus_that_nothing_consumes_is_refused(recipe: Path) -> None:
    with pytest.raises(RecipeError, match="nothing tells toy to train on 2 GPUs") as caught:
        planned(recipe, gpus=2)
    assert caught.value.line == 12
    assert planned(recipe, gpus=1).gpus == 1  # the suite's
    edit(recipe, "THREADS: 2", 'THREADS: "{gpus}"')
    assert planned(recipe, gpus=2).variables == {"THREADS": "2"}
    edit(recipe, "{gpus}", "2")
    recipe.write_text(recipe.read_text() + 'other_gpus: {arguments: "--batch 8"}\n')
    assert planned(recipe, gpus=2).command[-2:] == ("--batch", "8")


def test_a_window_beyond_the_trainings_own_end_is_refused(recipe: Path) -> None:
    beyond = parse_window("100:9000")
    assert planned(recipe, window=beyond).window == beyond  # nobody says where it ends
    edit(recipe, "launch:\n", "launch:\n  iterations: 5000\n")
    with pytest.raises(RecipeError, match="100:9000 reaches beyond the end of toy, which"):
        planned(recipe, window=beyond)
    last = planned(recipe, window=parse_window("100:5000"))
    edit(recipe, "  iterations: 5000\n", "")
    assert planned(recipe, window=parse_window("100:5000")).digest == last.digest
