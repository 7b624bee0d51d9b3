"""The suites tokens and tokens-smoke: what they pin, what they train, and runs that were kept."""

import importlib
import os
import sys
from pathlib import Path

import pytest

import mrbench
from keptruns import judged_again
from mrbench.prepare import source as workspace
from mrbench.recipe import load
from mrbench.recipe.plan import make_plan
from pins import assert_pinned

NAME = "tokens"
SOURCE = Path(__file__).parents[1] / "mrbench" / "embedded" / NAME
KEPT = Path(__file__).parent / "kept" / "tokens-smoke"
MIRROR = os.environ.get("MRBENCH_TEST_MIRROR")
SUITES = {"tokens-smoke": 1024, "tokens": 32768}  # tokens of an optimizer step
ALL = load.implementations("tokens-smoke")
CARRIED = [name for name in ALL if name != "nanochat"]


def test_both_suites_have_the_same_trainers_from_the_same_sources() -> None:
    assert set(load.implementations("tokens")) == set(ALL)
    for name in ALL:
        small, large = (load.load_named(suite, name).recipe for suite in SUITES)
        assert small.source == large.source
        assert (small.log.format, small.log.columns) == (large.log.format, large.log.columns)
        assert (small.log.file, small.log.states) == (large.log.file, large.log.states)
        assert small.guards.resume == large.guards.resume


@pytest.mark.parametrize(("suite", "tokens"), SUITES.items())
@pytest.mark.parametrize("name", ALL)
def test_a_step_is_as_many_tokens_for_all(suite: str, tokens: int, name: str) -> None:
    file = load.load_named(suite, name)
    plan = make_plan(file)
    batches = plan.accumulation if file.recipe.workload.iteration == "batch" else 1
    assert (plan.unit, plan.work_per_iteration * batches) == ("tokens", tokens)


def test_a_token_of_the_large_one_takes_the_operations_of_gpt2_124m() -> None:
    weights = 12 * (4 + 8) * 768**2 + 50304 * 768  # attention's and the MLP's, and the output
    for name in ALL:
        flops = make_plan(load.load_named("tokens", name)).flops
        assert flops is not None
        assert flops.per_unit == 6 * weights + 12 * 12 * 768 * 1024


def test_on_pytorch_the_trainers_differ_and_nothing_beneath_them() -> None:
    made = {
        load.load_named("tokens-smoke", name).recipe.environment
        for name in ALL
        if load.load_named("tokens-smoke", name).recipe.framework == "PyTorch"
    }
    assert len(made) == 1


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("name", CARRIED)
def test_the_pins_are_those_of_the_files(suite: str, name: str) -> None:
    assert_pinned(NAME, suite, name)


@pytest.mark.skipif(
    not MIRROR, reason="needs nanochat: MRBENCH_TEST_MIRROR names a folder of owner/name.git"
)
def test_nanochat_with_its_patch_comes_out_as_pinned() -> None:
    file = load.load_named("tokens-smoke", "nanochat")
    made = workspace.prepare(file.recipe.source, file.patches, MIRROR, lambda _: None)
    assert made.tree == file.recipe.source.tree


def test_the_patch_of_nanochat_only_adds_a_script() -> None:
    ((_, patch),) = load.load_named("tokens-smoke", "nanochat").patches
    lines = patch.decode().splitlines()
    assert [line for line in lines if line.startswith("diff ")] == [
        "diff --git a/scripts/draw_text.py b/scripts/draw_text.py"
    ]
    assert not [line for line in lines if line.startswith("-") and line != "--- /dev/null"]


def test_the_defaults_are_the_size_of_gpt2_124m(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SOURCE))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # nothing new in the package's folder
    options = importlib.import_module("sizes").parse(["--output", "o"])
    assert (options.layers, options.heads, options.width) == (12, 12, 768)
    assert (options.length, options.device, options.precision) == (1024, "cuda", "bfloat16")


@pytest.mark.parametrize("name", ALL)
def test_a_kept_run_gives_its_number_again(name: str, tmp_path: Path) -> None:
    record, again = judged_again("tokens-smoke", name, tmp_path)
    assert record["measurement"]["unit"] == "tokens"
    assert record["status"] == again.status == "ok"
    assert again.throughput == record["measurement"]["throughput"]


def test_a_batch_of_sequences_that_a_log_states_is_not_taken_for_a_steps_tokens() -> None:
    (log,) = (KEPT / "nanochat").glob("*/train.log.gz")
    found = mrbench.parse_log(log, suite="tokens-smoke", implementation="nanochat").measurement
    assert found.work_per_iteration == 1024  # two batches of four sequences of 128
    assert found.throughput is not None
    printed = (found.metrics or {})["as_printed"].value
    assert printed is not None
    assert printed > found.throughput  # a mean of rates is never less
