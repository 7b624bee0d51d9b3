"""A training that the kernel kills for lack of memory, in a memory cgroup of its own."""

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from failing import TRAIN
from toy import edit, make_suite, mrbench

LIMIT_BYTES = 64 << 20
ROOT = Path("/sys/fs/cgroup")


def cgroup_folder() -> Path:
    """Return where a cgroup that limits memory could be made below this process's own."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return ROOT / "memory" / path.lstrip("/")
    return ROOT  # version 2, where a cgroup that has processes may have no children with limits


@pytest.fixture
def small() -> Iterator[Path]:
    """Make a cgroup with 64 MiB; skip where that is not allowed."""
    folder = cgroup_folder() / f"mrbench-test-{uuid.uuid4().hex[:8]}"
    try:
        folder.mkdir()
    except OSError as exc:
        pytest.skip(f"no cgroup can be made here: {exc}")
    try:
        names = ("memory.limit_in_bytes", "memory.max")
        limit = next((folder / name for name in names if (folder / name).exists()), None)
        if limit is None:
            pytest.skip(f"the cgroups below {folder.parent} do not limit memory")
        limit.write_text(str(LIMIT_BYTES))
        for name, value in (("memory.swappiness", "0"), ("memory.swap.max", "0")):
            if (folder / name).exists():
                (folder / name).write_text(value)
        yield folder
    finally:
        folder.rmdir()


def test_the_kernel_is_named(
    small: Path, tmp_path: Path, git: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    recipe = make_suite(tmp_path, git)
    upstream = tmp_path / "upstream"
    old = git(upstream, "rev-parse", "HEAD")
    (upstream / "train.py").write_text(TRAIN)
    git(upstream, "commit", "-qam", "hog")
    edit(recipe, old, git(upstream, "rev-parse", "HEAD"))
    script = tmp_path_factory.mktemp("limited") / "run.sh"
    script.write_text(f'echo $$ > {small}/cgroup.procs && exec "$@" train.py hog\n')
    edit(recipe, "{python} train.py 60 0.002", f"bash {script} {{python}}")
    done = mrbench("run", "--recipe", recipe, cwd=tmp_path)
    (path,) = (tmp_path / "runs").glob("*/*/*/record.json")
    record = json.loads(path.read_text())
    failure = record["measurement"]["failure"]
    assert done.returncode == 5
    assert (failure["cause"], record["status"]) == ("host_out_of_memory", "out_of_memory")
    assert failure["line"].startswith("iter: 20 ")
    assert failure["detail"].startswith("the kernel killed ")
    assert record["exit"]["oom_kills"] >= 1
    shown = mrbench("show", record["id"], cwd=tmp_path).stdout
    assert "cause           host out of memory (the kernel killed " in shown
    assert f"remedy          {failure['remedy']}" in shown
