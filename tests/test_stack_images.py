"""The images of the stacks of 2019, built for real, and what the seven train in them on a CPU.

Minutes and gigabytes each, hence only where they are asked for.
"""

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from engine import containers, docker, import_base
from mrbench.launch.executors.docker import containerfile
from mrbench.prepare.environment.interpreter import find_interpreter
from mrbench.recipe import load

STACKS = os.environ.get("MRBENCH_TEST_STACKS")
MIRROR = os.environ.get("MRBENCH_TEST_MIRROR")
pytestmark = pytest.mark.skipif(
    not STACKS, reason="builds the images of 2019, minutes each; MRBENCH_TEST_STACKS=1 does it"
)
BASE = "test/debian-python3.7"
ROOT = Path(__file__).parents[1]
MPIRUN = ["mpirun", "--allow-run-as-root", "--oversubscribe", "-np", "2", "python", "-c"]
# target: what it is built from by hand on a CPU, and what must run in it
BY_HAND: dict[str, tuple[dict[str, str], list[str], str]] = {
    "pytorch1.3": (
        {"PYTORCH_BASE": BASE, "LOCK": "recipes/smoke/detectron2.lock"},
        ["python", "-c"],
        "import torch, torchvision; print(torch.__version__, torch.ones(3).sum().item())",
    ),
    "caffe2": (
        {"PYTORCH_BASE": BASE, "LOCK": "recipes/smoke/detectron.lock"},
        ["python", "-c"],
        """
        from caffe2.python import core, workspace
        import numpy, torch
        workspace.FeedBlob("x", numpy.full(3, 1, "f"))
        workspace.RunOperatorOnce(core.CreateOperator("SumElements", ["x"], ["y"]))
        print(torch.__version__, workspace.FetchBlob("y"))
        """,
    ),
    "tensorflow1.15": (
        {"TENSORFLOW_BASE": BASE, "LOCK": "recipes/smoke/tensorpack.lock", "ALLREDUCE": ""},
        MPIRUN,
        """
        import horovod.tensorflow as hvd, tensorflow as tf
        hvd.init()
        total = tf.Session().run(hvd.allreduce(tf.constant(hvd.rank() + 1.0), average=False))
        print(tf.__version__, total)
        """,
    ),
    "mxnet1.6": (
        {"MXNET_BASE": BASE},
        ["python", "-c"],
        "import mxnet; print(mxnet.__version__, mxnet.nd.ones(3).sum().asscalar())",
    ),
}
SAID = {
    "pytorch1.3": "1.3.0 3.0",
    "caffe2": "1.3.0 3.0",
    "tensorflow1.15": "1.15.2 3.0",
    "mxnet1.6": "1.6.0 3.0",
}


@pytest.fixture(scope="module")
def base(engine: str) -> str:
    """Give the engine, with Debian and Python 3.7 in it."""
    python = find_interpreter("3.7")
    if python is None or shutil.which("mmdebstrap") is None:
        pytest.skip("needs Python 3.7 and mmdebstrap, to make a base image without a registry")
    import_base(engine, str(python), BASE, "debian.sh")
    return engine


@pytest.mark.parametrize("target", BY_HAND)
def test_a_stack_is_built_by_hand_and_computes(target: str, base: str, tmp_path: Path) -> None:
    given, command, program = BY_HAND[target]
    alone = tmp_path / "Dockerfile"  # else the engine's own builder makes all targets above, too
    alone.write_text(containerfile.only(target))
    arguments = [
        word for name, value in given.items() for word in ("--build-arg", f"{name}={value}")
    ]
    tag = f"test/{target}"
    docker(
        base,
        *("build", "--network", "host", "--target", target, "--tag", tag, "--file", str(alone)),
        *(*arguments, str(ROOT)),
    )
    said = docker(base, "run", "--rm", "--network", "none", tag, *command, textwrap.dedent(program))
    assert said.stdout.splitlines()[-1] == SAID[target]


@pytest.mark.skipif(
    not MIRROR,
    reason="needs the seven upstreams: MRBENCH_TEST_MIRROR names a folder of owner/name.git",
)
@pytest.mark.parametrize("name", load.implementations("smoke"))
def test_the_code_of_2019_trains_in_its_image(
    name: str, base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", base)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mrbench", "run", "--suite", "smoke", "--impl", name),
            *("--executor", "docker", "--base-image", BASE, "--mirror", str(MIRROR)),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (path,) = tmp_path.glob("runs/*/*/*/record.json")
    record: dict[str, Any] = json.loads(path.read_text())
    assert record["status"] == "ok"
    assert record["measurement"]["throughput"] > 0
    assert record["container"]["image"]["tags"][0].startswith("mrbench-environment:")
    assert containers(base) == []
