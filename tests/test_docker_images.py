"""Images: the Dockerfile's targets, the demo trained in one, and what is refused beforehand."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from engine import BASE, containers, docker
from mrbench.errors import LaunchError, MrbenchError, UnavailableError
from mrbench.launch.executors.docker import Docker, build, containerfile
from mrbench.launch.executors.docker.engine import meaning
from mrbench.model.inputs import Environment, Package
from mrbench.model.job import EnvironmentRequest, Workspace
from mrbench.model.options import ExecutorOptions
from mrbench.recipe import load, lockfile
from toy import commit_all, edit, make_suite, mrbench
from upstreams import unpacked

ROOT = Path(__file__).parents[1]
LIMIT_S = 900  # a safety net for a slow network; nothing is decided by it
SUITES = [(s, n) for s in load.suite_names() for n in load.implementations(s)]
OWN = f"{sys.version_info[0]}.{sys.version_info[1]}"
STACKS = ("pytorch1.3", "tensorflow1.15", "mxnet1.6", "caffe2")
FRAMEWORKS = {
    "torch": "pytorch1.3",
    "tensorflow-gpu": "tensorflow1.15",
    "tensorflow-cpu": "tensorflow1.15",
    "intel-tensorflow": "tensorflow1.15",
    "mxnet-mkl": "mxnet1.6",
}


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mrbench", "run", "--executor", "docker", *words]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )


def only_record(folder: Path) -> dict[str, Any]:
    (path,) = folder.glob("runs/*/*/*/record.json")
    record: dict[str, Any] = json.loads(path.read_text())
    return record


@pytest.mark.usefixtures("docker_host")
def test_the_demo_is_built_upon_a_base_and_trained(tmp_path: Path) -> None:
    words = ("--suite", "demo", "--base-image", BASE, "--window", "20:60", "--json")
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    record = only_record(tmp_path)
    assert record["status"] == "ok"
    # in a container, too, its clock is mrbench's; lines that a busy machine reads late are the rest
    assert 0.5 < record["measurement"]["agreement"] < 2
    lock = (ROOT / "recipes" / "demo" / "minimask.lock").read_bytes()
    locked = {block.split()[0].lower() for block in lockfile.blocks(lock).values()}
    frozen = {line.lower().replace("_", "-") for line in record["environment"]["frozen"]}
    assert {name.replace("_", "-") for name in locked} <= frozen
    container = record["container"]
    assert container["image"]["id"] == record["environment"]["image"]
    assert container["image"]["tags"][0].startswith("mrbench-environment:")
    assert container["engine"]["storage_driver"]
    assert container["network_mode"] == "none"
    assert [p for p, ro in container["mounts"].items() if ro] == [
        str(path) for path in (tmp_path / "mrbench-home" / "data").iterdir() if path.is_dir()
    ]
    assert containers(os.environ["DOCKER_HOST"]) == []
    assert "own, not those of the recipe's lock" not in done.stderr
    told = mrbench("show", record["id"], cwd=tmp_path).stdout
    assert f"image {container['image']['tags'][0]} (" in told
    plain = run("--suite", "demo", "--dry-run", cwd=tmp_path).stdout
    assert f"image: environment of the Dockerfile, on python:{OWN}-slim-bookworm" in plain


def test_the_harness_runs_within_its_own_image(
    tmp_path: Path, docker_host: str, git: Callable[..., str]
) -> None:
    docker(
        docker_host,
        *("build", "--network", "host", "--target", "mrbench", "--tag", "test/mrbench"),
        *("--build-arg", f"BASE={BASE}", str(ROOT)),
    )
    toy = make_suite(tmp_path, git)
    socket = docker_host.removeprefix("unix://")
    done = docker(
        docker_host,
        *("run", "--rm", "--network", "none", "--volume", f"{socket}:/var/run/docker.sock"),
        *("--volume", f"{tmp_path}:{tmp_path}", "--workdir", str(tmp_path)),
        *("--env", f"MRBENCH_HOME={tmp_path}/inside", "test/mrbench", "run", "--recipe", str(toy)),
        *("--executor", "docker", "--image", BASE, "--quiet"),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    record = only_record(tmp_path)
    assert record["status"] == "ok"
    assert record["container"]["image"]["tags"] == [f"{BASE}:latest"]
    assert not any("mrbench" in line for line in record["environment"]["frozen"])
    assert containers(docker_host) == []


def test_what_a_recipe_builds_is_built_in_the_image(tmp_path: Path, docker_host: str) -> None:
    assert docker_host
    checkout, package = tmp_path / "checkout", tmp_path / "package"
    for folder in (checkout, package):
        folder.mkdir()
    (checkout / "build.py").write_text("import extra; open('built', 'w').write(extra.WHERE)\n")
    (package / "setup.py").write_text(
        "from setuptools import setup; setup(name='extra', version='1', py_modules=['extra'])\n"
    )
    (package / "extra.py").write_text("WHERE = 'here'\n")
    lock = (ROOT / "recipes" / "demo" / "minimask.lock").read_bytes()
    old = (ROOT / "recipes" / "2019" / "detectron2.lock").read_bytes()
    first = ("setuptools==57.5.0", "wheel==0.37.1")
    small = (lockfile.subset(lock, ("opt_einsum",)) + lockfile.subset(old, first)).encode()
    extra = Package(url="https://example.org/extra", commit="1" * 40)
    env = _environment(
        build=(("{python}", "build.py"),), packages=(extra,), build_requirements=first
    )
    made = _prepare(env, checkout, small, lambda: [unpacked(package, "2" * 40)])
    assert not made.reused
    assert (made.template / "built").read_text() == "here"
    assert not (checkout / "built").exists()
    names = {f.partition(" @ ")[0].replace("_", "-") for f in made.frozen}
    assert {"extra==1", "opt-einsum==3.4.0"} <= names
    assert _prepare(env, checkout, small, lambda: [unpacked(package, "2" * 40)]).reused
    broken = _environment(build=(("{python}", "-c", "raise SystemError('no luck')"),))
    with pytest.raises(LaunchError, match="image could not be built: SystemError: no luck; see"):
        _prepare(broken, checkout, small, list)
    silent = ("--index-url", "http://127.0.0.1:1/simple", "--retries", "1", "six==1.16.0")
    offline = _environment(build=(("{python}", "-m", "pip", "install", *silent),))
    with pytest.raises(UnavailableError, match=r"six==1\.16\.0.*; check the network; see"):
        _prepare(offline, checkout, small, list)


def test_a_mirrors_wheels_are_taken_and_no_index(tmp_path: Path, docker_host: str) -> None:
    assert docker_host
    lock = (ROOT / "recipes" / "demo" / "minimask.lock").read_bytes()
    small = lockfile.subset(lock, ("opt_einsum",)).encode()
    wheels = tmp_path / "wheels"
    download = ["-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(wheels)]
    subprocess.run([sys.executable, *download, "opt_einsum==3.4.0"], check=True)
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    assert not _prepare(_environment(), checkout, small, list, wheels).reused
    (log,) = (tmp_path / "mrbench-home" / "envs").glob("*.image.log")
    assert "Looking in links: /opt/mrbench/wheels" in log.read_text()
    other = _environment(build=(("{python}", "-m", "pip", "install", "six==1.15.0"),))
    with pytest.raises(Exception, match=r"the image could not be built: ERROR: .* six==1\.15\.0"):
        _prepare(other, checkout, small, list, wheels)


def test_the_variables_of_horovod_reach_no_step_of_a_recipe(
    tmp_path: Path, docker_host: str
) -> None:
    """One of them asks for NCCL, without which there is no horovod where there are no GPUs."""
    assert docker_host
    lock = (ROOT / "recipes" / "demo" / "minimask.lock").read_bytes()
    small = lockfile.subset(lock, ("opt_einsum",)).encode()
    program = "import os; open('seen', 'w').write(' '.join(sorted(os.environ)))"
    env = _environment(
        requirements=("intel-tensorflow==1.15.2",), build=(("{python}", "-c", program),)
    )
    assert containerfile.target_of(env) == "tensorflow1.15"
    wheels, checkout = tmp_path / "wheels", tmp_path / "checkout"
    for folder in (wheels, checkout):
        folder.mkdir()
    download = ["-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(wheels)]
    subprocess.run([sys.executable, *download, "opt_einsum==3.4.0"], check=True)
    made = _prepare(env, checkout, small, list, wheels)
    seen = (made.template / "seen").read_text().split()
    assert "PATH" in seen
    assert "PIP_NO_INDEX" in seen
    assert not [name for name in seen if "HOROVOD" in name]
    (log,) = (tmp_path / "mrbench-home" / "envs").glob("*.image.log")
    assert "Looking in links: /opt/mrbench/wheels" in log.read_text()


def test_a_base_without_the_python_is_told(tmp_path: Path, docker_host: str) -> None:
    assert docker_host
    env = _environment(python="3.5")
    with pytest.raises(Exception, match=r"error: this base image has no Python 3\.5, nor Debian"):
        _prepare(env, tmp_path, b"", list)


def _environment(**wanted: Any) -> Environment:  # noqa: ANN401 - Environment's fields
    return Environment(kind="venv", lock="a.lock", **wanted)


def _prepare(
    env: Environment,
    checkout: Path,
    lock: bytes,
    packages: Callable[[], Sequence[Workspace]],
    wheels: Path | None = None,
) -> Any:  # noqa: ANN401 - UsableEnvironment
    surroundings = Docker(ExecutorOptions(base_image=BASE)).surroundings
    return surroundings.prepare(
        EnvironmentRequest(env, checkout, "0" * 40, lambda _: None, lock, packages, wheels)
    )


@pytest.mark.parametrize(
    ("old", "new", "words", "told"),
    [
        ("kind: current", "kind: current", (), "runs with what is installed; name an image"),
        ("kind: current", "kind: venv\n  requirements: [six==1.15.0]", (), "an image needs a lock"),
        ("accelerator: cpu", "accelerator: gpu", ("--image", BASE), "GPUs wanted"),
    ],
)
def test_what_no_image_can_be_had_for_is_refused(
    tmp_path: Path,
    docker_host: str,
    git: Callable[..., str],
    old: str,
    new: str,
    words: tuple[str, ...],
    told: str,
) -> None:
    assert docker_host
    toy = make_suite(tmp_path, git)
    edit(toy.with_name("suite.yaml") if "accel" in old else toy, old, new)
    done = mrbench("run", "--recipe", toy, "--executor", "docker", *words, cwd=tmp_path)
    assert done.returncode == 4
    assert told in done.stderr
    assert not (tmp_path / "runs").exists()


def test_a_plan_says_where_there_is_no_image_to_build(tmp_path: Path) -> None:
    done = run("--suite", "2019", "--impl", "simpledet", "--dry-run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "image: none: mxnet-cu100==1.6.0b20190820 is on no index; name an image" in done.stdout
    assert "(rogerchen/simpledet:cuda10 is said to) with --image" in done.stdout


def test_no_gpu_runtime_is_refused(
    docker_host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert docker_host
    monkeypatch.setenv("PATH", str(tmp_path))  # the toolkit may be here, whatever the engine knows
    surroundings = Docker(ExecutorOptions(image=BASE)).surroundings
    assert surroundings.problem(_environment(), 0) is None
    told = str(surroundings.problem(_environment(), 1))
    assert told.startswith("the Docker engine has no GPU runtime; install the NVIDIA Container")


def test_a_run_out_of_memory(tmp_path: Path, docker_host: str, git: Callable[..., str]) -> None:
    assert docker_host
    toy = make_suite(tmp_path, git)
    hungry = "-c 'x = [bytes([1]) * 10**7 for _ in range(10**4)]'"
    edit(toy, '"{python} train.py 60 0.002"', f'"{{python}} {hungry}"')
    words = ("--executor", "docker", "--image", BASE, "--memory", "80m")
    done = mrbench("run", "--recipe", toy, *words, cwd=tmp_path)
    record = only_record(tmp_path)
    assert (record["status"], done.returncode) == ("out_of_memory", 5)
    assert "its limit of 80m" in record["reason"]


def test_old_and_new_are_compared_in_containers(
    tmp_path: Path, docker_host: str, git: Callable[..., str]
) -> None:
    toy = make_suite(tmp_path, git)
    train = tmp_path / "upstream" / "train.py"
    edit(train, "float(sys.argv[2])", 'float(os.environ["SECONDS"])')
    edit(train, "import sys, time", "import os, sys, time")
    edit(toy, toy.read_text().partition("commit: ")[2][:40], commit_all(tmp_path / "upstream"))
    edit(toy, "launch:\n", "launch:\n  variables: {SECONDS: 0.01}\n")
    sides = ("--variable", "SECONDS=0.01", "--variable", "SECONDS=0.03", "--max-pairs", "3")
    words = ("ab", "--recipe", toy, *sides, "--executor", "docker", "--image", BASE)
    done = mrbench(*words, cwd=tmp_path)
    assert done.returncode in {7, 8}, done.stdout + done.stderr  # on a busy machine it stays open
    found = [json.loads(p.read_text()) for p in tmp_path.glob("runs/*/*/*/record.json")]
    assert len({record["container"]["image"]["id"] for record in found}) == 1
    pairs = {(record["turn"]["pair"], record["turn"]["side"]) for record in found}
    assert pairs == {(pair, side) for pair in (1, 2, 3) for side in ("old", "new")}
    assert containers(docker_host) == []


def test_an_image_that_is_nowhere(
    tmp_path: Path, docker_host: str, git: Callable[..., str]
) -> None:
    assert docker_host
    toy = make_suite(tmp_path, git)
    # a registry on the loopback that nobody runs
    name = "127.0.0.1:9/no/such:image"
    done = mrbench("run", "--recipe", toy, "--executor", "docker", "--image", name, cwd=tmp_path)
    assert done.returncode == 4
    assert f"image {name} is neither here nor to be had (" in only_record(tmp_path)["reason"]


def test_no_engine_refuses_the_run(
    tmp_path: Path, git: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    toy = make_suite(tmp_path, git)
    done = mrbench("run", "--recipe", toy, "--executor", "docker", cwd=tmp_path)
    assert done.returncode == 4
    assert "toy: no Docker engine at unix://" in done.stderr
    assert "start it" in done.stderr


@pytest.mark.parametrize(("suite", "name"), SUITES, ids=str)
def test_each_locked_recipe_has_a_target(suite: str, name: str) -> None:
    env = load.load_named(suite, name).recipe.environment
    if env.kind == "venv" and not env.supplied:
        wanted = FRAMEWORKS[env.requirements[0].partition("=")[0]] if env.python == "3.7" else None
        target = "caffe2" if name == "detectron" else wanted
        assert containerfile.target_of(env) == (target or "environment")


def test_upon_which_base_an_image_is_built() -> None:
    for suite, name in SUITES:
        env = load.load_named(suite, name).recipe.environment
        base = containerfile.base_of(env)
        if suite == "2019":
            assert base == env.image  # with the CUDA of 2019
        else:
            assert base.partition("@")[0] == f"python:{env.python or OWN}-slim-bookworm"


@pytest.mark.parametrize(
    ("target", "argument"),
    [
        ("pytorch1.3", "PYTORCH_BASE"),
        ("caffe2", "PYTORCH_BASE"),
        ("tensorflow1.15", "TENSORFLOW_BASE"),
    ],
)
def test_by_hand_the_base_is_the_image_that_the_recipes_name(target: str, argument: str) -> None:
    assert f"FROM ${{{argument}}} AS {target}" in containerfile.only(target)
    assert containerfile.argument(argument) == by_hand(target).image


@pytest.mark.parametrize("target", STACKS)
def test_by_hand_a_stack_is_made_as_its_recipe_makes_it(target: str) -> None:
    text, env = containerfile.only(target), by_hand(target)
    first = text.partition('ARG FIRST="')[2].partition('"')[0].split()
    assert first == [lockfile.normalized(r) for r in env.build_requirements]
    assert f"ARG PYTHON={env.python}\n" in text
    assert containerfile.target_of(env) == target
    # what is in no lock, and the variables that it is built with
    after = re.findall(r"^ARG AFTER=(\S+)", text, flags=re.MULTILINE)
    variables = re.findall(r"HOROVOD_\w+=\S+", text.replace("$ALLREDUCE", "NCCL"))
    steps = [word for command in env.build for word in command]
    assert sorted(after) == [word for word in steps if "==" in word]
    assert sorted(variables) == sorted(word for word in steps if word.startswith("HOROVOD_"))


def by_hand(target: str) -> Environment:
    """Return the environment of the recipe whose lock a target takes where nothing is said."""
    lock = Path(containerfile.only(target).partition("ARG LOCK=")[2].split()[0])
    return load.load_named(lock.parent.name, lock.stem).recipe.environment


RETRYING = (
    "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(': Failed to"
    " establish a new connection: [Errno -3] Temporary failure in name resolution')': /simple/six/"
)
NO_VERSION = "ERROR: Could not find a version that satisfies the requirement six (from versions: "


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        ((RETRYING, f"{NO_VERSION}none)"), UnavailableError),
        ((f"{NO_VERSION}1.15.0)",), LaunchError),
        ((RETRYING, "Step 7/9 : RUN build", f"{NO_VERSION}none)"), LaunchError),
        ((RETRYING, "ERROR: Failed building wheel for six"), LaunchError),
        (
            (
                "W: Failed to fetch http://deb.debian.org/x  Temporary failure resolving 'x'",
                "error: this base image has no Python 3.7, nor Debian one for it",
            ),
            UnavailableError,
        ),
    ],
)
def test_an_index_that_does_not_answer_is_no_failed_build(
    lines: Sequence[str], kind: type[MrbenchError], tmp_path: Path
) -> None:
    log = tmp_path / "image.log"
    log.write_text("\n".join(("Step 6/9 : RUN install", *lines)))
    assert type(build.failed(log, "The command returned a non-zero code: 1")) is kind


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('could not select device driver "" with capabilities: [[gpu]]', "cannot give GPUs"),
        ('exec: "tool": executable file not found in $PATH: unknown', "tool: the image has no"),
        ("something new\nand more", "the Docker engine refused: something new; look at its log"),
        (
            'chdir to cwd ("/a/b") set in config.json failed: no such file',
            "/a/b: cannot be entered",
        ),
        ("mkdir /var/lib/x: no space left on device", "the engine's disk is full"),
        ("exec /bin/x: exec format error", "another kind of processor"),
    ],
)
def test_the_engines_words(said: str, told: str) -> None:
    assert told in str(meaning(said))
    assert "\n" not in str(meaning(said))
