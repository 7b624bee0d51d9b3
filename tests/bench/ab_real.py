"""`mrbench ab` on minimask with a planted slowdown of 0 and 5 %, beside `check --baseline`.

Each iteration really takes longer by the planted share: minimask sleeps that long. It says
something only where nothing else uses the processors it runs on; one that it has for itself gives
steadier numbers than two that other programs share. Ten tests take more than an hour though their
window is half the demo's, so it is not part of `make bench`:
`taskset -c 0 python tests/bench/ab_real.py [TESTS]`.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from shutil import copy, copytree

ROOT = Path(__file__).parents[2]
START = "asked = time.monotonic()"  # of an iteration; the sleep is by what the one before took
SLEEP = (
    'time.sleep(float(__import__("os").environ["PLANTED"]) * (time.monotonic() - asked)'
    " if iteration > 1 else 0.0)"
)
SHARES = {"0 %": 0.0, "5 %": 1 / 0.95 - 1}  # of throughput, and of an iteration's seconds
WINDOW = ("first: 100, last: 500", "first: 60, last: 260")  # the demo's, and here
REPEATS = 3  # of the baseline, and of the runs that are checked against it


def main(tests: int = 10) -> None:
    """Make the tests and print a row for each."""
    head = ("", "planted", "answer", "runs", "change", "seconds")
    print("".join(f"{name:>14}" for name in head))
    with tempfile.TemporaryDirectory(prefix="mrbench-ab-") as name:
        folder = Path(name)
        recipe = make_recipe(folder)
        baseline = folder / "baseline.json"
        mrbench("run", "--recipe", recipe, "--repeat", REPEATS, "--runs", folder / "base")
        mrbench("baseline", "save", baseline, "--suite", "planted", "--runs", folder / "base")
        for number in range(1, tests + 1):
            for planted, share in SHARES.items():
                began = time.monotonic()
                row = by_ab(recipe, share, folder / f"ab-{number}-{planted[0]}")
                show("ab", planted, row, time.monotonic() - began)
                began = time.monotonic()
                row = by_baseline(recipe, share, baseline, folder / f"new-{number}-{planted[0]}")
                show("baseline", planted, row, time.monotonic() - began)


def make_recipe(folder: Path) -> Path:
    """Copy minimask's recipe to a suite of its own, with the sleep."""
    place = folder / "recipes" / "planted"
    copytree(ROOT / "patches", folder / "patches")
    place.mkdir(parents=True)
    copy(ROOT / "recipes" / "demo" / "minimask.lock", place)
    suite = (ROOT / "recipes" / "demo" / "suite.yaml").read_text()
    if WINDOW[0] not in suite:
        raise SystemExit(f"the demo's window is not {WINDOW[0]} any more")
    (place / "suite.yaml").write_text(suite.replace(*WINDOW))
    lines = (ROOT / "recipes" / "demo" / "minimask.yaml").read_text().splitlines()
    kept = "\n".join(without_sample(line for line in lines if not line.startswith("  tree:")))
    text = (
        kept.replace(
            "source:\n",
            f"source:\n  substitutions:\n    - text: {json.dumps(START)}\n"
            f"      replacement: {json.dumps(f'{SLEEP}; {START}')}\n"
            "      files: train.py\n      expect_files: 1\n      expect_lines: 1\n",
        ).replace("  variables:\n", f"  variables:\n    PLANTED: 0\n{cached(folder)}")
        + "\n"
    )
    path = place / "minimask.yaml"
    path.write_text(text)
    return path


def cached(folder: Path) -> str:
    """Let JAX keep what it compiles: half of a run here, and outside its window."""
    return (
        f"    JAX_COMPILATION_CACHE_DIR: {folder / 'compiled'}\n"
        "    JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS: 0\n"
        "    JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES: -1\n"
    )


def without_sample(lines: Iterator[str]) -> Iterator[str]:
    """Leave out the kept log: it is of a training without the sleep."""
    inside = False
    for line in lines:
        inside = line.startswith("sample:") or (inside and line.startswith(" "))
        if not inside:
            yield line


def by_ab(recipe: Path, share: float, runs: Path) -> dict[str, str]:
    """Answer with `mrbench ab`."""
    sides = ("--variable", "PLANTED=0", "--variable", f"PLANTED={share:.6f}")
    done = mrbench("ab", "--recipe", recipe, *sides, "--runs", runs, "--quiet", "--json")
    return row_of(done, "pairs", 2)


def by_baseline(recipe: Path, share: float, baseline: Path, runs: Path) -> dict[str, str]:
    """Answer with `mrbench check --baseline`."""
    text = recipe.read_text()
    recipe.write_text(text.replace("PLANTED: 0\n", f"PLANTED: {share:.6f}\n"))
    mrbench("run", "--recipe", recipe, "--repeat", REPEATS, "--runs", runs, "--quiet")
    recipe.write_text(text)
    return row_of(mrbench("check", "--baseline", baseline, "--runs", runs, "--json"), "repeats", 1)


def row_of(done: subprocess.CompletedProcess[str], counted: str, times: int) -> dict[str, str]:
    """Return answer, runs and change of what was printed."""
    answer = {0: "passes", 7: "fails", 8: "undecided"}.get(done.returncode, str(done.returncode))
    try:
        checks = json.loads(done.stdout)["checks"]
    except ValueError:
        checks = []
    figures: dict[str, float] = next(
        (c["figures"] for c in checks if c["topic"] == "throughput"), {}
    )
    if "ratio" not in figures:
        said = checks[-1]["text"] if checks else done.stderr
        return {"answer": answer, "runs": "-", "change": f"{said[-200:]}"}
    return {
        "answer": answer,
        "runs": f"{times * figures[counted]:.0f}",
        "change": f"{100 * (figures['ratio'] - 1):+.2f} %",
    }


def show(by: str, planted: str, row: dict[str, str], seconds: float) -> None:
    """Print a row."""
    cells = (by, planted, row["answer"], row["runs"], row["change"], f"{seconds:.0f}")
    print("".join(f"{cell:>14}" for cell in cells), flush=True)


def mrbench(*words: object) -> subprocess.CompletedProcess[str]:
    """Run the command line; what it says on stderr is seen."""
    command = [sys.executable, "-m", "mrbench", *map(str, words)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
