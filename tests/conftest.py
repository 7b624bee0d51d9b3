"""What every test gets: folders of its own, and no way to the user's home."""

import compileall
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

import cluster as clusters
import mrbench
from cmdlines import make_demo
from engine import BASE, import_base, running_engine
from needs import skip_without
from reported import on_gpus

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import LoadScopeScheduling

# Shells ignore SIGINT for what they start in the background, nohup SIGHUP; children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# What a shell says of its terminal, its user's settings, and the job that it runs in: none of it
# may decide a test, nor what the fixtures of a whole session make.
SHELLS = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "CUDA_VISIBLE_DEVICES", "PYTHONIOENCODING")
OUTSIDE = (*SHELLS, "CLICOLOR", "TTY_", "GIT_", "XDG_", "SLURM_", "SBATCH_", "SQUEUE_", "STUB_")
for variable in [name for name in os.environ if name.startswith(OUTSIDE)]:
    del os.environ[variable]

# A busy machine must not decide a test.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")

# Fixtures that start something big, the longest tests first, and the marker of tests that use one.
BIG = {
    "engine": "docker",
    "cluster": "slurm",
    "accounted": "slurm",
    "driver": "browser",
    "trained": "slow",
    "demo": "slow",
    "gpus": "slow",
}
# Files that share such a fixture: one worker of pytest-xdist runs these, as it does any other file.
TOGETHER = {
    "test_docker": "docker",
    "test_docker_deaths": "docker",
    "test_docker_images": "docker",
    "test_report": "report",
    "test_report_browser": "report",
    "test_demo": "demo",
    "test_help": "demo",
    "test_readme": "demo",
}
# Files whose tests mostly start other programs, train, install, compile or wait.
SLOW_FILES = """
    test_bench_accuracy test_bench_gate test_check_upstream test_checks_gpus test_clocks_real
    test_completion test_damage test_datacheck test_doctor test_environment test_events
    test_executor test_executor_deaths test_failure_oom test_failure_real test_ledger test_live
    test_lock test_log_memory test_minimask test_minimask_parts test_mirror test_one_life
    test_own_environment test_registered test_run test_scratch test_sign test_sweep test_synth
    test_telemetry test_telemetry_run test_tutorial test_weights test_wheel test_workflows
    test_workspace test_workspace_changes test_workspace_fetch test_workspace_together
""".split()  # noqa: SIM905 - names are read best so


def pytest_configure(config: pytest.Config) -> None:
    """Compile mrbench before tests that limit the size of files do, and cut the results short."""
    if not hasattr(config, "workerinput"):
        compileall.compile_dir(Path(mrbench.__file__).parent, quiet=2)


@pytest.hookimpl(tryfirst=True)  # before -m chooses by these markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests by the fixtures they use, and let the longest begin."""
    ranks = {}
    for item in items:
        big = [name for name in BIG if name in getattr(item, "fixturenames", ())]
        for name in big:
            item.add_marker(BIG[name])
        slow = item.path.stem in SLOW_FILES
        if slow:
            item.add_marker("slow")
        ranks[item] = list(BIG).index(big[0]) if big else len(BIG) + 1 - slow
    items.sort(key=ranks.__getitem__)


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: "Producer") -> "LoadScopeScheduling":
    """Give each worker whole files, in their order."""
    from xdist.scheduler import LoadScopeScheduling

    def group(test: str) -> str:
        file = Path(test.partition("::")[0]).stem
        return TOGETHER.get(file, file)

    config.option.loadscopereorder = False
    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = group  # --dist loadgroup finds no group with pytest 9.2
    return scheduler


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the user's home, caches, settings or locks."""
    for name in list(os.environ):
        if name.startswith("MRBENCH_") and name != "MRBENCH_TEST_MIRROR":
            monkeypatch.delenv(name)
    # uv's cache of downloaded wheels is the one thing shared: it is content-addressed
    cache = os.environ.get("UV_CACHE_DIR") or str(Path.home() / ".cache" / "uv")
    monkeypatch.setenv("UV_CACHE_DIR", cache)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("MRBENCH_HOME", str(tmp_path / "mrbench-home"))
    monkeypatch.setenv("MRBENCH_LOCKS", str(tmp_path))


@pytest.fixture(scope="session")
def git() -> Callable[..., str]:
    """Return a function that runs git in a folder and returns what it printed."""

    def run(folder: Path, *words: str) -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        command = ["git", *identity, "-c", "init.defaultBranch=main", *words]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    return run


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the demo, once for all tests that read it; return the folder with its runs/."""
    return make_demo(tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, git: Callable[..., str]) -> Path:
    """Return a folder of two runs on the GPUs of a stub of NVML: on four of them, and on eight."""
    return on_gpus(tmp_path_factory.mktemp("trained"), git)


@pytest.fixture(scope="session")
def engine() -> Iterator[str]:
    """Give the DOCKER_HOST of an engine of the tests' own, with one image in it."""
    skip_without("docker")
    with running_engine() as host:
        import_base(host, name=BASE)
        yield host


@pytest.fixture
def docker_host(engine: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make that engine the one that mrbench finds."""
    monkeypatch.setenv("DOCKER_HOST", engine)
    return engine


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[clusters.Cluster]:
    """Start a real Slurm with four nodes, once for all tests."""
    skip_without("slurm")
    with clusters.running(clusters.Cluster(tmp_path_factory.mktemp("slurm"))) as started:
        yield started


@pytest.fixture
def slurm(cluster: clusters.Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[clusters.Cluster]:
    """Let a test use the cluster, and leave no job of it behind."""
    for name in list(os.environ):
        if name.startswith(("SLURM_", "SBATCH_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SLURM_CONF", str(cluster.configuration))
    yield cluster
    cluster.cancel_all()
