"""The fuzzer's oracles hold for its seeds and for all it ever found; and it still finds things."""

import importlib.util
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

FUZZ = Path(__file__).parent / "fuzz"
FINDS = sorted((FUZZ / "finds").glob("*--*"))
LIMIT_S = 10.0
SMOKE_S = 5
needs_atheris = pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None,
    reason="atheris is not installed; `make fuzz` installs it",
)


@pytest.fixture(autouse=True)
def _paths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(FUZZ)


def test_the_oracles_hold_for_every_seed() -> None:
    from targets import TARGETS

    for target in TARGETS.values():
        for seed in target.seeds():
            target.call(seed)


@pytest.mark.parametrize("path", FINDS, ids=lambda p: p.name)
def test_what_was_found_stays_mended(path: Path) -> None:
    from targets import TARGETS

    start = time.process_time()
    TARGETS[path.name.partition("--")[0]].call(path.read_bytes())
    assert time.process_time() - start < LIMIT_S


@pytest.mark.parametrize(
    "wrong",
    [
        {"count": 0},
        {"count": 121},
        {"ended_at": 0},
        {"ended_at": 1001},
        {"began_at": 501},
        {"rounding_s": -1.0},
        {"edge_s": -1.0},
    ],
    ids=str,
)
def test_the_oracles_see_samples_that_cannot_be(wrong: dict[str, float]) -> None:
    from oracles import check_samples

    from mrbench.model.measurement import IterationSample

    fine = IterationSample(last=120, count=20, seconds=9.0, ended_at=500)
    check_samples([fine, fine], 1000)
    with pytest.raises(AssertionError):
        check_samples([fine._replace(**wrong)], 1000)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(AssertionError, match="go back"):
        check_samples([fine, fine._replace(ended_at=499)], 1000)


def test_the_oracles_see_numbers_that_cannot_be() -> None:
    from msgspec.structs import replace
    from oracles import IMAGES, WINDOW, check_mean, check_measurement

    from mrbench.measure.window import measure
    from mrbench.model.measurement import IterationSample

    samples = [
        IterationSample(last=i, count=20, seconds=9.0, ended_at=i) for i in range(20, 320, 20)
    ]
    found = measure(samples, WINDOW, IMAGES)
    check_measurement(found)
    check_mean(found, samples)
    for change in (
        {"throughput": float("nan")},
        {"throughput": 0.0},
        {"seconds_per_iteration": None},
        {"status": "diverged", "reason": "nan"},
        {"throughput": 36.0},
        {"iterations": 201},
    ):
        with pytest.raises((AssertionError, ValueError)):
            check_measurement(replace(found, **change))
    with pytest.raises(AssertionError):
        check_mean(replace(found, seconds_per_iteration=0.5), samples)


def fuzz(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(FUZZ / "fuzz.py"), "--learnt", str(folder / "learnt")]
    return subprocess.run(
        [*command, "--finds", str(folder / "finds"), *words],
        capture_output=True,
        text=True,
        check=False,
    )


@needs_atheris
def test_the_fuzzer_finds_and_keeps_what_is_wrong(tmp_path: Path) -> None:
    done = fuzz(tmp_path, "--seconds", "20", "planted")
    assert done.returncode == 1, done.stderr
    assert "something was found" in done.stderr
    (found,) = (tmp_path / "finds").iterdir()
    assert str(found) in done.stdout
    assert re.match(rb"iter: \d{5}(?!\d)", found.read_bytes())


@needs_atheris
def test_a_moment_of_fuzzing_finds_nothing(tmp_path: Path) -> None:
    from targets import TARGETS

    done = fuzz(tmp_path, "--seconds", str(SMOKE_S * len(TARGETS)))
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.split() for line in done.stdout.splitlines()[1:]]
    assert [row[0] for row in rows] == list(TARGETS)
    assert all(int(row[2]) > 0 for row in rows)
