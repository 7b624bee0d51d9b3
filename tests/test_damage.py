"""One value of a file is damaged at random: every reader ends with an answer or one clear refusal.

A sample by default; MRBENCH_DAMAGE=2000 (`make damage`) damages each kind of file so many times.
"""

import contextlib
import gc
import html
import json
import os
import random
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

import damage
from damage import Answer, Damage, World
from mrbench.checks.baseline.file import read_baseline
from mrbench.errors import CheckFailed, MrbenchError
from mrbench.launch.telemetry import reading
from mrbench.record import formats, rundir
from mrbench.results import table

TIMES = int(os.environ.get("MRBENCH_DAMAGE") or 0)
SAMPLE, FEW = 100, 5  # damages of each kind of file, and commands that read each of these
SEALED = 0.8  # share of damages whose digests are made anew
MOST_FAULTS = 40  # that are shown
CODES = {0, 1, 2, 6, 7, 8}
OF_A_GATE = (0, 1, 7, 8)  # what ends commands that read a baseline
# What can be wrong with a file as a whole, so that no key is named.
WHOLE = ("is not JSON", "found invalid Unicode", "written by a newer", "nested too")
ESCAPES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202e]")
RUN = "runs/smoke/torchvision/20261125T102205Z-f527373c"
OTHER = "detectron2/20261125T101200Z-d3d87a44"
Words = tuple[str, ...]
TABLES: list[Words] = [("table", "--suite", "smoke", "--format", style) for style in table.FORMATS]
GATE = ("check", "--baseline", "base.json")
OF_BASELINES: list[Words] = [
    ("baseline", "show", "base.json"),
    ("baseline", "show", "base.json", "--json"),
    ("baseline", "update", "base.json", "--accept", "damage"),
    *((*GATE, "--format", style) for style in ("plain", "json", "junit", "github")),
    (*GATE, "--two-sided", "--export", "bencher=metrics.json"),
]
OF_RUNS: list[Words] = [
    ("show", RUN),
    ("show", RUN, "--plot"),
    ("show", RUN, "--json"),
    ("runs",),
    ("runs", "--json"),
    *TABLES,
    ("table", "--suite", "smoke", "--relative-to", "torchvision", "--sort", "gpus"),
    ("compare", RUN, OTHER),
    ("compare", OTHER, RUN, "--json"),
    ("history",),
    ("history", "--json"),
    ("report", "-o", "report.html"),
    ("pack", RUN, "-o", "run.tar.gz"),
    ("verify", RUN),
    ("verify", RUN, "--json"),
    ("baseline", "save", "new.json", "--suite", "smoke"),
    *OF_BASELINES[2:],
]


@pytest.fixture(scope="module")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> list[World]:
    return [World(tmp_path_factory.mktemp("world"), fill=fill) for fill in (False, True)]


@pytest.fixture(autouse=True)
def _in_its_own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Crash reports come into the test's folder; lines are not wrapped."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "100000")


class Kind(NamedTuple):
    """A kind of file: how to damage one of a world, and what reads it.

    read: raises MrbenchError for what is refused. tells: the commands that then name file and key.
    """

    spoil: Callable[[World, random.Random], tuple[Damage, Path]]
    read: Callable[[Path], object]
    commands: Sequence[Words]
    tells: Callable[[Words], bool]
    codes: Collection[int] = CODES


def spoil_record(world: World, dice: random.Random) -> tuple[Damage, Path]:
    path = world.run / "record.json"
    spoilt = damage.damage(json.loads(path.read_text()), dice)
    path.write_text(damage.sealed(spoilt.text) if dice.random() < SEALED else spoilt.text)
    return spoilt, path


def spoil_plan(world: World, dice: random.Random) -> tuple[Damage, Path]:
    path = world.run / "plan.json"
    spoilt = damage.damage(json.loads(path.read_text()), dice)
    path.write_text(spoilt.text)
    if dice.random() < SEALED:
        damage.reseal_files(world.run)
    return spoilt, path


def spoil_telemetry(world: World, dice: random.Random) -> tuple[Damage, Path]:
    path = world.run / "telemetry.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    number = dice.choice([0, 1, 2, len(lines) - 1, dice.randrange(len(lines))])
    spoilt = damage.damage(json.loads(lines[number]), dice, indent=None)
    lines[number] = spoilt.text
    path.write_text("".join(lines))
    if dice.random() < SEALED:
        damage.reseal_files(world.run)
    return spoilt, path


def spoil_baseline(world: World, dice: random.Random) -> tuple[Damage, Path]:
    spoilt = damage.damage(json.loads(world.baseline.read_text()), dice)
    sealed = dice.random() < SEALED
    world.baseline.write_text(damage.sealed(spoilt.text) if sealed else spoilt.text)
    return spoilt, world.baseline


def read_window(path: Path) -> object:
    measured = rundir.load(path.with_name("record.json")).measurement
    assert measured
    return reading.read_telemetry(path, measured.began_s or 0.0, measured.ended_s or 0.0)


KINDS = {
    "record": Kind(spoil_record, rundir.load, OF_RUNS, lambda _: True),
    "plan": Kind(spoil_plan, formats.read_plan, OF_RUNS, lambda words: words[0] == "verify"),
    "telemetry": Kind(
        spoil_telemetry,
        read_window,
        OF_RUNS,
        lambda words: words[0] in ("verify", "report"),
    ),
    "baseline": Kind(spoil_baseline, read_baseline, OF_BASELINES, lambda _: True, codes=OF_A_GATE),
}


@pytest.mark.parametrize("name", KINDS)
def test_one_damaged_value_ends_in_an_answer_or_a_clear_refusal(
    name: str, worlds: list[World], capsys: pytest.CaptureFixture[str]
) -> None:
    kind, dice = KINDS[name], random.Random(name)
    codes: dict[str, Counter[int]] = {}
    refusals, faults = 0, []
    for number in range(TIMES or SAMPLE):
        world = worlds[number % len(worlds)]
        with restored(world):
            spoilt, path = kind.spoil(world, dice)
            refusal = refused(kind, path)
            refusals += refusal is not None
            faults += [f"{spoilt}: {text}" for text in vague(refusal, spoilt)]
            for words in kind.commands if TIMES else dice.sample(kind.commands, FEW):
                answer = asked(world, words)
                codes.setdefault(called(words), Counter())[answer.code] += 1
                told = refusal if kind.tells(words) else None
                faults += [
                    f"{spoilt}: {' '.join(words)}: {text}" for text in wrong(answer, told, kind)
                ]
    if TIMES:
        with capsys.disabled():
            print(outcomes(name, codes, refusals))  # noqa: T201 - what `make damage` is for
    assert not faults, f"{len(faults)} of {name}:\n" + "\n".join(faults[:MOST_FAULTS])


@contextlib.contextmanager
def restored(world: World) -> Iterator[None]:
    """Write the files again that were there before."""
    names = ("record.json", "plan.json", "telemetry.jsonl")
    paths = (world.baseline, *(world.run / name for name in names))
    before = {path: path.read_bytes() for path in paths}
    try:
        yield
    finally:
        for path, content in before.items():
            path.write_bytes(content)
        gc.collect()  # reports are large, and lie in cycles


def refused(kind: Kind, path: Path) -> MrbenchError | None:
    try:
        kind.read(path)
    except MrbenchError as exc:
        return exc
    return None


def asked(world: World, words: Words) -> Answer:
    """Run a command; what it writes is gone afterwards."""
    stored = world.baseline.read_bytes()
    answer = world.ask(*words)
    if (report := world.folder / "report.html").exists():
        answer = answer._replace(page=report.read_text().partition("<script>")[0])
    world.baseline.write_bytes(stored)  # as it was before `update`
    for name in ("report.html", "run.tar.gz", "new.json", "metrics.json"):
        (world.folder / name).unlink(missing_ok=True)
    return answer


def vague(refusal: MrbenchError | None, spoilt: Damage) -> Iterator[str]:
    """Yield what a refusal does not tell."""
    if refusal is None:
        return
    if refusal.file is None:
        yield f"names no file: {refusal}"
    if refusal.text.startswith(WHOLE) or isinstance(refusal, CheckFailed):
        return
    key = refusal.key or ""
    if not key and not any(name in refusal.text for name in map(str, spoilt.path)):
        yield f"names no key: {refusal}"


def wrong(answer: Answer, refusal: MrbenchError | None, kind: Kind) -> Iterator[str]:
    """Yield what is wrong with a command's answer."""
    last = answer.err.splitlines()[-1:]
    if answer.code not in kind.codes:
        crash = re.search(r"/\S*mrbench-crash-\S+", answer.err)
        yield f"ends with {answer.code}: {last} {''.join(tail(Path(crash[0])) if crash else ())}"
    if kind.codes is OF_A_GATE and len(answer.err.splitlines()) > 1:
        yield f"says more than a line: {answer.err!r}"
    found = ESCAPES.search(answer.out + answer.err)
    if found:
        yield f"prints {found[0]!r}"
    told = html.unescape(f"{answer.out}\n{answer.err}\n{answer.page}")
    if refusal and refusal.file is not None and Path(refusal.file).name not in told:
        yield f"does not name {refusal.file}: {last}"
    keys = {refusal.key, json.dumps(refusal.key)[1:-1]} if refusal and refusal.key else ()
    if refusal and keys and not any(key in told for key in keys):
        yield f"does not name {refusal.key}: {last}"


def tail(crash: Path) -> list[str]:
    return [line.strip() + " | " for line in crash.read_text().splitlines()[-5:]]


def called(words: Words) -> str:
    """Return a command's name without its files."""
    return " ".join(word for word in words if word not in (RUN, OTHER) and "." not in word)


def outcomes(name: str, codes: dict[str, Counter[int]], refusals: int) -> str:
    """Return how often each command ended with which code, as a table."""
    every = sorted({code for counts in codes.values() for code in counts})
    lines = [f"\n{TIMES} damages of a {name}, {refusals} of them refused when read; exit codes:"]
    lines.append(f"{'':60}" + "".join(f"{code:>7}" for code in every))
    lines += [
        f"{words:60}" + "".join(f"{counts[code]:>7}" for code in every)
        for words, counts in codes.items()
    ]
    return "\n".join(lines)
