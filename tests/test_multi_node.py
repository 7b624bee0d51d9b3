"""The recipes over several nodes: the commands as text, and who cannot."""

import msgspec
import pytest

from mrbench.errors import RecipeError
from mrbench.model.options import ExecutorOptions
from mrbench.model.plan import Plan
from mrbench.model.recipe import MultiNode
from mrbench.recipe import load
from mrbench.recipe.plan import make_plan
from mrbench.recipe.validate import validate
from mrbench.run.slurm.executor import Slurm
from mrbench.text import PLACEHOLDER

MEETING = "--master_addr={master_address} --master_port={master_port}"


def planned(suite: str, name: str, nodes: int, gpus: int | None = None) -> Plan:
    return make_plan(load.load_named(suite, name), nodes=nodes, gpus=gpus)


@pytest.mark.parametrize(
    ("suite", "name", "words"),
    [
        ("2019", "detectron2", "--num-gpus 8 --num-machines 2 --machine-rank {node_rank}"),
        ("2019", "detectron2", "--dist-url tcp://{master_address}:{master_port}"),
        ("2019", "detectron2", "SOLVER.IMS_PER_BATCH 32 SOLVER.BASE_LR 0.04"),
        ("2019", "maskrcnn-benchmark", f"--node_rank={{node_rank}} --nproc_per_node=8 {MEETING}"),
        ("2019", "mmdetection", f"--node_rank={{node_rank}} --nproc_per_node=8 {MEETING}"),
        ("2019", "tensorpack", "-np 16 --map-by ppr:8:node"),
        ("today", "detectron2", "--num-gpus 1 --num-machines 2 --machine-rank {node_rank}"),
        ("today", "torchvision", f"--node_rank={{node_rank}} --nproc_per_node=1 {MEETING}"),
        ("demo", "minimask", "--devices 2 --processes 2 --process {node_rank}"),
    ],
)
def test_commands(suite: str, name: str, words: str) -> None:
    plan = planned(suite, name, 2)
    assert words in " ".join(plan.command)
    assert plan.gpus == 2 * load.load_suite(suite).hardware.count
    assert plan.on_each_node == (name != "tensorpack")


@pytest.mark.parametrize("name", ["detectron", "matterport", "simpledet"])
def test_those_that_cannot_say_so(name: str) -> None:
    with pytest.raises(RecipeError, match="cannot train over several nodes"):
        planned("2019", name, 2)


def test_one_start_for_all_nodes_cannot_be_in_a_container() -> None:
    options = ExecutorOptions(container="the.sif", nodes=2)
    with pytest.raises(RecipeError, match=r"tensorpack starts once for all nodes, .*--container"):
        Slurm(options).check([planned("2019", "tensorpack", 2)])


def test_gpus_are_those_of_one_node() -> None:
    plan = planned("2019", "mmdetection", 2, gpus=4)
    assert (plan.gpus, plan.nodes, plan.work_per_iteration) == (8, 2, 16)
    assert plan.learning_rate == planned("2019", "mmdetection", 1).learning_rate
    assert "--nproc_per_node=4" in " ".join(plan.command)


def test_rules_on_counts_hold_for_the_sum() -> None:
    assert planned("2019", "tensorpack", 2, gpus=1).gpus == 2
    with pytest.raises(RecipeError, match="cannot train on 6 GPUs"):
        planned("2019", "tensorpack", 3, gpus=2)


def test_plans_of_one_node_keep_their_digest() -> None:
    plan = planned("2019", "detectron2", 1)
    assert "nodes" not in plan.canonical()
    assert '"nodes": 2' in planned("2019", "detectron2", 2).canonical()
    assert plan.digest == make_plan(load.load_named("2019", "detectron2")).digest


def test_an_unknown_placeholder_is_refused() -> None:
    file = load.load_named("demo", "minimask")
    known = {
        n for word in planned("demo", "minimask", 2).command for n in PLACEHOLDER.findall(word)
    }
    assert {"node_rank", "master_address", "master_port"} <= known
    launch = msgspec.structs.replace(file.recipe.launch, multi_node=MultiNode(command=("{rank}",)))
    odd = msgspec.structs.replace(file.recipe, launch=launch)
    with pytest.raises(RecipeError, match=r"launch.multi_node.command.*unknown placeholder"):
        validate(odd, file.place)
