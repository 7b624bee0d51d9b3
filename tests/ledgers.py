"""Ledgers of runs that were kept, entered as `mrbench run` does, and how they are written anew."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import manyruns
from mrbench.files import digest_of
from mrbench.record import ledger, rundir

Line = dict[str, Any]


def make(runs: Path, count: int) -> list[Path]:
    """Write so many runs and their ledger; return their folders, oldest first."""
    folders = manyruns.make(runs, count)
    for folder in folders:
        enter(runs, folder)
    return folders


def alike(runs: Path, count: int) -> list[Path]:
    """Write so many runs of one plan, not entered yet; return their folders, oldest first."""
    (path,) = manyruns.KEPT.glob("smoke/detectron2/*/record.json")
    record = rundir.load(path).plain()
    return [manyruns.write(runs, dict(record), number) for number in range(count)]


def enter(runs: Path, folder: Path, *, ended: bool = True) -> None:
    """Enter a run's beginning and, with its place in the record, its end."""
    path = folder / "record.json"
    record = json.loads(path.read_bytes())
    began = ledger.append(runs, "began", run=record["id"], plan=record["plan_digest"])
    record["ledger"] = {"position": began.position, "digest": began.digest}
    path.write_text(json.dumps(record))
    manyruns.seal(folder)
    if ended:
        ledger.end(runs, rundir.load(path))


def read(runs: Path) -> list[Line]:
    return [json.loads(line) for line in (runs / ledger.FILE).read_text().splitlines()]


def write(runs: Path, lines: Sequence[Line]) -> None:
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (runs / ledger.FILE).write_text(text)


def chained(lines: Sequence[Line]) -> list[Line]:
    """Return the lines as a forger leaves them who knows how they are chained."""
    before, made = "", []
    for position, line in enumerate(lines, 1):
        line = line | {"position": position, "before": before}  # noqa: PLW2901
        made.append(line | {"digest": digest_of(line)})
        before = made[-1]["digest"]
    return made


def drop(*numbers: int) -> Callable[[list[Line]], list[Line]]:
    return lambda lines: [line for n, line in enumerate(lines, 1) if n not in numbers]


def swapped(lines: list[Line]) -> list[Line]:
    return [*lines[:2], lines[3], lines[2], *lines[4:]]


def edited(lines: list[Line]) -> list[Line]:
    lines[3]["status"] = "failed"
    return lines


def edited_with_digest(lines: list[Line]) -> list[Line]:
    lines[3]["status"] = "failed"
    lines[3]["digest"] = digest_of(lines[3])
    return lines


def forked(lines: list[Line]) -> list[Line]:
    other = lines[-1] | {"at": "2026-01-01T00:00:00Z"}
    return [*lines, other | {"digest": digest_of(other)}]


def odd(lines: list[Line]) -> list[Line]:
    return [*lines[:4], {"what": "is this"}, *lines[4:]]


def led_out(lines: list[Line]) -> list[Line]:
    return chained([*lines, lines[-2] | {"run": "../../etc"}])


def leaping(lines: list[Line]) -> list[Line]:
    lines[3]["position"] = 10**30
    lines[3]["digest"] = digest_of(lines[3])
    return lines


def surrogate(lines: list[Line]) -> list[Line]:
    return chained([*lines, lines[-2] | {"run": "a/b/\ud800"}])


def endless(lines: list[Line]) -> list[Line]:
    return chained([*lines, lines[-2] | {"run": f"a/b/{'c' * 300}"}])


def anew(lines: list[Line]) -> list[Line]:
    """Leave out the second run, and make the chain whole again."""
    return chained(drop(3, 4)(lines))


def joined(lines: list[Line]) -> list[Line]:
    return [*lines, *chained(lines[2:4])]


# what is done to the lines of a ledger of four runs: and what is said of it
LINES: dict[str, tuple[Callable[[list[Line]], list[Line]], str]] = {
    "an entry removed": (drop(3), "line 3 is entry 4; missing before it: 3"),
    "a run removed": (drop(3, 4), "line 3 is entry 5; missing before it: 3-4"),
    "the first entry removed": (drop(1), "line 1 is entry 2; missing before it: 1"),
    "the last run removed": (drop(7, 8), "is not in it; its record says entry 7"),
    "reordered": (swapped, "line 3 is entry 4 instead of 3: they are in another order"),
    "edited": (edited, "entry 4 was edited: it has another digest"),
    "edited with its digest": (edited_with_digest, "entry 5 does not follow entry 4: one was"),
    "forked": (forked, "entry 8 in line 9 follows the same one as another entry: the ledger is fo"),
    "another line": (odd, "line 5 is no entry: "),
    "a run that leads out": (led_out, "line 9 is no entry: run: is not the id of a run"),
    "a run that no path can name": (surrogate, "line 9 is no entry: run: is not the id of a run"),
    "a run that no folder can be called": (endless, "line 9 is no entry: run: is not the id of"),
    "a leap": (leaping, f"line 4 is entry {10**30}; missing before it: 4"),
    "written anew": (anew, "began with entry 5 ("),
    "two joined": (joined, "is forked"),
}


def removed_by_hand(runs: Path, run: Path) -> None:
    shutil.rmtree(run)
    assert runs.exists()


def added(runs: Path, run: Path) -> None:
    """Copy a run from elsewhere, as one of this folder."""
    place = run.with_name("20990101T000000Z-01234567")
    shutil.copytree(run, place)
    change(
        place, id=place.relative_to(runs).as_posix(), ledger=None, started="2099-01-01T00:00:00Z"
    )


def another_record(_runs: Path, run: Path) -> None:
    record = json.loads((run / "record.json").read_bytes())
    record["measurement"]["throughput"] *= 1.1
    change(run, measurement=record["measurement"])


def another_plan(runs: Path, run: Path) -> None:
    """Enter a run by one plan, and record another, with all digests."""
    change(run, plan_digest="0" * 64)
    lines = read(runs)
    lines[-1]["record"] = json.loads((run / "record.json").read_bytes())["digest"]
    lines[-1]["digest"] = digest_of(lines[-1])
    write(runs, lines)


def another_end(runs: Path, _run: Path) -> None:
    """Enter a run that ended well as one that did not, with the entry's digest."""
    lines = read(runs)
    lines[-1] |= {"status": "failed", "verdict": None}
    lines[-1]["digest"] = digest_of(lines[-1])
    write(runs, lines)


def back_again(runs: Path, run: Path) -> None:
    """Remove a run as one should, and put it back."""
    copy = runs.with_name("copy")
    shutil.copytree(run, copy)
    shutil.rmtree(run)
    ledger.remove(runs, run.relative_to(runs).as_posix())
    copy.rename(run)


def taken(runs: Path, run: Path) -> None:
    """Remove a run by hand, and put a copy of another in its place."""
    shutil.rmtree(run)
    shutil.copytree(runs / read(runs)[0]["run"], run)


def as_if_older(_runs: Path, run: Path) -> None:
    """Write a record anew as that of a run from before the ledger."""
    change(run, ledger=None, started="2000-01-01T00:00:00Z")


def change(run: Path, **values: object) -> None:
    path = run / "record.json"
    record = json.loads(path.read_bytes()) | values
    path.write_text(json.dumps({k: v for k, v in record.items() if v is not None}))
    manyruns.seal(run)


# what is done to the last of four runs
RUNS: dict[str, tuple[Callable[[Path, Path], None], str]] = {
    "a run removed by hand": (removed_by_hand, "is not there any more"),
    "a run added": (added, "20990101T000000Z-01234567 is not in it"),
    "another record": (another_record, "is in it with another record: "),
    "another run in its place": (taken, "holds another run: smoke/"),
    "a record as of before the ledger": (as_if_older, "is in it as entry 7, and its record does"),
    "another plan": (another_plan, "is in it with another plan or registration"),
    "another end": (another_end, "is in it with another end: failed"),
    "a removed run back again": (back_again, "was removed by its entry, and is there"),
}
