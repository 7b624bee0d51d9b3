"""Work and its unit: what an iteration is, what tables call it, and names of older files."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mrbench.errors import RecipeError
from mrbench.files import digest_of
from mrbench.model.plan import Plan
from mrbench.model.work import OLD_NAMES
from mrbench.recipe import load
from mrbench.recipe.plan import make_plan
from toy import edit, make_suite, mrbench

WORKLOAD = "workload:\n  per_device: 4\n"
# in order of lengths: images_per_second is a part of others
NEW_NAMES = sorted(((new, old) for old, new in OLD_NAMES.items()), key=lambda pair: -len(pair[1]))


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory, git: Callable[..., str]) -> Path:
    return make_suite(tmp_path_factory.mktemp("work"), git)


def planned(toy: Path, folder: Path, workload: str, gpus: int = 1) -> Plan:
    """Return the plan of the toy with another workload; the launch is told the devices."""
    (folder / "suite.yaml").write_text((toy.parent / "suite.yaml").read_text())
    path = folder / "toy.yaml"
    path.write_text(toy.read_text())
    edit(path, WORKLOAD, f"workload: {workload}\n")
    edit(path, "launch:\n", 'launch:\n  variables: {DEVICES: "{gpus}", BATCH: "{per_device}"}\n')
    return make_plan(load.load_path(path), gpus=gpus)


@pytest.mark.parametrize(
    ("workload", "work", "samples"),
    [
        ("{per_device: 4}", 8, 8),
        ("{per_device: 4, total: 16}", 16, 16),
        ("{unit: samples, per_device: 4, accumulation: 3}", 24, 24),
        ("{unit: samples, per_device: 4, accumulation: 3, iteration: batch}", 8, 8),
        ("{unit: sequences, per_device: 4, sequence_length: 128}", 8, 8),
        ("{unit: tokens, per_device: 4, sequence_length: 128}", 1024, 8),
        ("{unit: tokens, per_device: 4, sequence_length: 128, accumulation: 2}", 2048, 16),
        ("{unit: tokens, per_device: 4, sequence_length: 128, total: 32}", 4096, 32),
        ("{unit: tokens, per_device: 2048}", 4096, 4096),
        ("{unit: steps, per_device: 1, accumulation: 8}", 1, 1),
    ],
)
def test_the_work_of_an_iteration_on_two_devices(
    toy: Path, tmp_path: Path, workload: str, work: int, samples: int
) -> None:
    plan = planned(toy, tmp_path, workload, gpus=2)
    assert (plan.work_per_iteration, plan.samples_per_iteration) == (work, samples)


@pytest.mark.parametrize(
    ("workload", "words"),
    [
        ("{unit: steps, per_device: 4}", "workload.per_device: 4 steps in one iteration"),
        ("{unit: words, per_device: 4}", "workload.unit: 'words' is not one of images, samples"),
        ("{per_device: 4, total: 15, accumulation: 2}", "workload.total: 15 of 2 batches"),
        ("{images_per_gpu: 4, per_device: 4}", "workload.per_device: stands there as 'per_device'"),
        (
            "{per_device: 4, images_per_gpu: 4}",
            "images_per_gpu: stands there as 'per_device'",
        ),
    ],
)
def test_what_is_no_work_is_told_with_its_key(
    toy: Path, tmp_path: Path, workload: str, words: str
) -> None:
    with pytest.raises(RecipeError) as told:
        planned(toy, tmp_path, workload)
    assert words in str(told.value)
    assert "toy.yaml:" in str(told.value)


def test_a_recipe_and_a_suite_of_before_plan_the_same(toy: Path, tmp_path: Path) -> None:
    suite = tmp_path / "suite.yaml"
    suite.write_text((toy.parent / "suite.yaml").read_text())
    edit(suite, "rules:\n", "rules:\n  - {rule: work_per_iteration, reason: the batch}\n")
    path = tmp_path / "toy.yaml"
    path.write_text(toy.read_text())
    edit(path, WORKLOAD, f"{WORKLOAD}  total: 8\n")
    edit(path, "train.py 60 0.002", "train.py 60 0.002 {work_per_iteration} {per_device}")
    edit(path, "  every: 10\n", "  every: 10\n  states: {work_per_iteration: 'of (\\d+)'}\n")
    edit(path, "guards:\n", "sample: {log: a.log, throughput: 4, origin: by hand}\nguards:\n")
    now = load.load_path(path)
    for file in (path, suite):
        for new, old in NEW_NAMES:
            file.write_text(file.read_text().replace(f"{new}:", f"{old}:"))
            file.write_text(file.read_text().replace(f"{{{new}}}", f"{{{old}}}"))
            file.write_text(file.read_text().replace(f"rule: {new}", f"rule: {old}"))
    assert "images_per_gpu: 4" in path.read_text()
    assert "rule: images_per_iteration" in suite.read_text()
    before = load.load_path(path)
    assert (before.recipe.workload, before.suite) == (now.recipe.workload, now.suite)
    assert before.recipe.sample == now.recipe.sample
    assert make_plan(before).command == make_plan(now).command


def with_old_names(plain: Any) -> Any:  # noqa: ANN401 - JSON
    """Return what mrbench 0.3 would have written."""
    names = {new: old for old, new in OLD_NAMES.items()} | {"run_throughput": "images_per_second"}
    if isinstance(plain, list):
        return [with_old_names(item) for item in plain]
    if not isinstance(plain, dict):
        return plain
    renamed = {}
    for key, value in plain.items():
        dotted = ".".join(names.get(part, part) for part in key.split("."))
        renamed[dotted] = with_old_names(value)
    return renamed


def test_tokens_are_told_everywhere_and_stand_in_a_table_of_their_own(
    tmp_path: Path, git: Callable[..., str]
) -> None:
    toy = make_suite(tmp_path, git)
    other = toy.with_name("words.yaml")
    other.write_text(toy.read_text())
    edit(other, WORKLOAD, "workload: {unit: tokens, per_device: 4, sequence_length: 128}\n")
    for path in (toy, other):
        told = mrbench("run", "--recipe", path, "--repeat", "2", cwd=tmp_path)
        assert told.returncode == 0, told.stderr
    assert " tokens/s in iterations " in told.stderr, told.stderr
    table = mrbench("table", "--suite", "toys", cwd=tmp_path).stdout
    images, tokens = table.index("Throughput (img/s)"), table.index("Throughput (tokens/s)")
    assert "words" in table[tokens:]
    assert "words" not in table[images:tokens]
    run = min((tmp_path / "runs/toys/words").iterdir())
    assert "tokens/s" in mrbench("show", run, cwd=tmp_path).stdout
    verdict = mrbench("verify", run, cwd=tmp_path)
    assert "tokens/s computed again" in verdict.stdout, verdict.stdout
    first = min((tmp_path / "runs/toys/toy").iterdir())
    compared = mrbench("compare", first, run, cwd=tmp_path)
    assert "plan.unit: images / tokens" in compared.stdout
    saved = mrbench("baseline", "save", "base.json", "--suite", "toys", cwd=tmp_path)
    assert saved.returncode == 0, saved.stderr
    assert "tokens/s" in mrbench("baseline", "show", "base.json", cwd=tmp_path).stdout
    content = json.loads((tmp_path / "base.json").read_bytes())
    assert [entry.get("unit") for entry in content["entries"]] == ["images", "tokens"]


def test_a_baseline_of_before_is_held_against_runs_of_today(
    tmp_path: Path, git: Callable[..., str]
) -> None:

    toy = make_suite(tmp_path, git)
    run = ("run", "--recipe", toy, "--repeat", "3")
    assert mrbench(*run, cwd=tmp_path).returncode == 0
    assert mrbench("baseline", "save", "base.json", "--suite", "toys", cwd=tmp_path).returncode == 0
    content = with_old_names(json.loads((tmp_path / "base.json").read_bytes()))
    content["format"] = 1
    for entry in content["entries"]:
        del entry["unit"]
    content["digest"] = digest_of(content)
    (tmp_path / "base.json").write_text(json.dumps(content, indent=1))
    assert "plan.images_per_gpu" in json.dumps(content)
    assert mrbench(*run, cwd=tmp_path).returncode == 0
    found = mrbench("check", "--baseline", "base.json", "--margin", "50%", cwd=tmp_path)
    # how it is judged depends on the machine; that it is, on what the old names tell
    assert " of the baseline's " in found.stdout, found.stdout + found.stderr
    assert "img/s" in found.stdout
