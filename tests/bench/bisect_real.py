"""`mrbench bisect` over 30 commits of minimask, of which one plants a slowdown of 5 %, or none.

minimask trains on small images and waits for its batches, which come at a pace: one each 40 ms,
times a factor that each run draws for itself (1 % noise from run to run), times the planted share.
So the noise is known, and what else the machine does matters little. A row is one search, over a
git repository of its own. Each takes minutes, so it is not part of `make bench`:
`taskset -c 0 python tests/bench/bisect_real.py [PLANTED] [NONE]`, how many searches of either kind.
"""

import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from shutil import copy, copytree, ignore_patterns

from ab_real import ROOT, START, cached, mrbench, without_sample

MINIMASK = ROOT / "mrbench" / "embedded" / "minimask"
COMMITS = 30
SHARE = 0.05  # of throughput that is lost
NOISE = 0.01  # of a run
PACE_S = 0.04
LOOP = "        for iteration in range("
BEFORE = f"""\
        import math, random
        pace, due = {PACE_S} * math.exp(random.gauss(0.0, {NOISE})) * SHARE, 0.0
"""
WAIT = """; due = max(due + pace, asked - 5 * pace)
            time.sleep(max(0.0, due - asked))"""  # it catches up with five batches at most
SMALL = {"first: 100, last: 500": "first: 20, last: 80", "default: 128": "default: 64"}
SMALL |= {"default: 96": "default: 48"}
ANSWERS = {0: "nothing", 7: "found", 8: "open"}


def main(planted: int = 10, none: int = 3) -> None:
    """Make the searches and print a row for each."""
    head = ("planted", "answer", "right", "tried", "skipped", "trainings", "minutes")
    print("".join(f"{name:>10}" for name in head) + "  found", flush=True)
    kinds = [True] * planted + [False] * none
    random.shuffle(kinds)
    for slow in kinds:
        with tempfile.TemporaryDirectory(prefix="mrbench-bisect-") as name:
            folder = Path(name)
            at = random.randrange(1, COMMITS) if slow else None
            commits = make_repository(folder / "upstream", at)
            show(at, commits, folder, make_recipe(folder, commits[-1]))


def make_repository(folder: Path, planted: int | None) -> list[str]:
    """Make minimask's repository with COMMITS commits; return their ids."""
    copytree(MINIMASK, folder, ignore=ignore_patterns("__pycache__"))
    git(folder, "init", "-q")
    train = folder / "train.py"
    text = train.read_text()
    if START not in text or LOOP not in text:
        raise SystemExit("minimask's loop is another one now")
    text = text.replace(LOOP, BEFORE + LOOP).replace(START, START + WAIT)
    commits = []
    for number in range(COMMITS):
        slow = planted is not None and number >= planted
        train.write_text(text.replace("SHARE", f"{1 / (1 - SHARE) if slow else 1.0:.6f}"))
        (folder / "README.md").open("a").write(f"\nChange {number}.\n")
        git(folder, "add", ".")
        git(folder, "commit", "-qm", f"Change {number}")
        commits.append(git(folder, "rev-parse", "HEAD"))
    return commits


def git(folder: Path, *words: str) -> str:
    """Run git in a repository; return what it printed."""
    who = ("-c", "user.name=bench", "-c", "user.email=bench@example.org")
    command = ("git", "-C", str(folder), *who, *words)
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def make_recipe(folder: Path, commit: str) -> Path:
    """Copy minimask's recipe to a suite of its own, which trains that repository."""
    place = folder / "recipes" / "planted"
    copytree(ROOT / "patches", folder / "patches")
    place.mkdir(parents=True)
    copy(ROOT / "recipes" / "demo" / "minimask.lock", place)
    write(place / "suite.yaml", (ROOT / "recipes" / "demo" / "suite.yaml").read_text())
    lines = (ROOT / "recipes" / "demo" / "minimask.yaml").read_text().splitlines()
    kept = (line for line in lines if not line.startswith(("  tree:", "  commit:")))
    text = "\n".join(without_sample(kept)) + "\n"
    source = f"  url: file://{folder / 'upstream'}\n  commit: {commit}\n"
    text = text.replace("  url: package:minimask\n", source)
    kept_compiled = Path(tempfile.gettempdir()) / "mrbench-bisect-compiled"
    variables = cached(kept_compiled).replace(str(kept_compiled / "compiled"), str(kept_compiled))
    path = place / "minimask.yaml"
    write(path, text.replace("  variables:\n", f"  variables:\n{variables}"))
    return path


def write(path: Path, text: str) -> None:
    """Write a file of the suite, with small images and a short window."""
    for old, new in SMALL.items():
        text = text.replace(old, new)
    path.write_text(text)


def show(planted: int | None, commits: list[str], folder: Path, recipe: Path) -> None:
    """Search, and print a row."""
    began = time.monotonic()
    ends = ("--good", commits[0], "--bad", commits[-1])
    done = mrbench("bisect", "--recipe", recipe, *ends, "--runs", folder / "runs", "--json")
    answer = ANSWERS.get(done.returncode, str(done.returncode))
    checks = json.loads(done.stdout)["checks"] if done.stdout else []
    first = next((each for each in checks if each["topic"] == "first bad"), {"key": "", "text": ""})
    cost: dict[str, float] = next(
        (each["figures"] for each in checks if each["topic"] == "cost"), {}
    )
    right = commits[planted] == first["key"] if planted is not None else answer == "nothing"
    counts = (f"{cost.get(name, 0):.0f}" for name in ("tried", "skipped", "trainings"))
    cells = (str(planted), answer, "yes" if right else "NO", *counts)
    minutes = f"{(time.monotonic() - began) / 60:.1f}"
    text = first["text"] or (checks[-2]["text"] if len(checks) > 1 else "no answer")
    again = "; ".join(each["text"] for each in checks if each["topic"] == "good again")
    print("".join(f"{cell:>10}" for cell in (*cells, minutes)) + f"  {text}; again: {again}")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:3]))
