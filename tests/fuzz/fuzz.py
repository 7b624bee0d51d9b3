"""`make fuzz`: coverage-guided fuzzing of whatever reads bytes from elsewhere, target by target.

Each target has a process of its own and an equal share of the time. What was learnt is kept under
build/fuzz and built upon the next time; an input that fails, takes too long or too much memory is
saved under tests/fuzz/finds, which the tests replay.
"""

import argparse
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from targets import PLANTED, TARGETS, Target

HERE = Path(__file__).resolve().parent
LIMIT_S = 10  # for one input
MEMORY_MIB = 1024
SHORTEST = 4096  # bytes that inputs may have at least
TOKENS = (b"nan", b"inf", b"1e999", b"-1", b"0", b"999999999999", b"\r", b"\n", b"\x1b[0m", b"\x00")
ROW = "{:29}{:>8}{:>12}{:>8}{:>10}{:>8}{:>7}"


@dataclass
class Fuzzed:
    """What came of a target."""

    seconds: float = 0.0
    executions: int = 0
    coverage: int = 0
    inputs: int = 0


def main() -> None:
    """Fuzz, and end with 1 if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=float, default=300, help="for all targets together")
    parser.add_argument("--finds", type=Path, default=HERE / "finds")
    parser.add_argument("--learnt", type=Path, default=HERE.parents[1] / "build" / "fuzz")
    args = parser.parse_args()
    known = {**TARGETS, **PLANTED}
    unknown = set(args.targets) - set(known)
    if unknown:
        parser.error(f"no target {min(unknown)!r}; known: {', '.join(TARGETS)}")
    names = args.targets or list(TARGETS)
    args.finds.mkdir(parents=True, exist_ok=True)
    before = {path.name for path in args.finds.iterdir()}
    print(ROW.format("target", "s", "executions", "1/s", "coverage", "inputs", "finds"))
    for name in names:
        done = fuzz(name, known[name], args.seconds / len(names), args.finds, args.learnt / name)
        found = sorted({p.name for p in args.finds.glob(f"{name}--*")} - before)
        rate = f"{done.executions / max(done.seconds, 1e-9):.0f}"
        cells = (done.executions, rate, done.coverage, done.inputs, len(found))
        print(ROW.format(name, f"{done.seconds:.0f}", *cells), flush=True)
        for each in found:
            print(f"  {args.finds / each}", flush=True)
    if {path.name for path in args.finds.iterdir()} - before:
        raise SystemExit(
            "something was found; `python -m pytest tests/test_fuzz_finds.py` shows it"
        )


def fuzz(name: str, target: Target, seconds: float, finds: Path, learnt: Path) -> Fuzzed:
    """Fuzz one target for so long; after an input of too much time or memory, begin again."""
    seeds = target.seeds()
    arguments = [*prepare(seeds, learnt), *limits(seeds, finds / f"{name}--")]
    command = [sys.executable, str(HERE / "one.py"), name, str(finds), *arguments]
    done = Fuzzed()
    while (left := seconds - done.seconds) >= 1:
        start = time.monotonic()
        process = subprocess.run(
            [*command, f"-max_total_time={left:.0f}"], stderr=subprocess.PIPE, check=False
        )
        done.seconds += time.monotonic() - start
        text = process.stderr.decode(errors="replace")
        print("".join(re.findall(r"(?m)^FIND .*\n.*\n", text)), end="", flush=True)
        counts = [
            int(n) for n in re.findall(r"(?m)^(?:#|stat::number_of_executed_units: )(\d+)", text)
        ]
        if not counts:
            raise SystemExit(f"{name} does not start:\n{text[-2000:]}")
        done.executions += counts[-1]
        done.coverage = max([done.coverage, *map(int, re.findall(r"cov: (\d+)", text))])
    done.inputs = len(list((learnt / "inputs").iterdir()))
    return done


def prepare(seeds: list[bytes], learnt: Path) -> list[str]:
    """Write the seeds and their words; return the arguments that name them."""
    for folder in ("inputs", "seeds"):
        (learnt / folder).mkdir(parents=True, exist_ok=True)
    for i, seed in enumerate(seeds):
        (learnt / "seeds" / str(i)).write_bytes(seed)
    words = dict.fromkeys(TOKENS)
    for seed in seeds:
        words |= dict.fromkeys(re.findall(rb"[A-Za-z_][\w.]*:? ?|[^\w\s]+", seed))
    lines = ['"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n' for word in list(words)[:300]]
    (learnt / "words").write_text("".join(lines))
    return [str(learnt / "inputs"), str(learnt / "seeds"), f"-dict={learnt / 'words'}"]


def limits(seeds: list[bytes], prefix: Path) -> list[str]:
    """Return the arguments that bound an input's size, time and memory."""
    longest = max(len(seed) for seed in seeds)
    return [
        f"-max_len={max(SHORTEST, 2 * longest)}",
        f"-timeout={LIMIT_S}",
        f"-rss_limit_mb={MEMORY_MIB}",
        f"-artifact_prefix={prefix}",
        "-print_final_stats=1",
    ]


if __name__ == "__main__":
    main()
