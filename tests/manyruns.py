"""Folders with any number of runs, made of those that were kept, each with a number of its own."""

import datetime as dt
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mrbench.files import digest_of
from mrbench.record import rundir

KEPT = Path(__file__).with_name("kept")
BEGAN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def make(runs: Path, count: int, *, old: bool = False) -> list[Path]:
    """Write so many runs of the suite smoke, a minute apart; return their folders.

    old: as mrbench 0.3 wrote their records, in format 3, else in today's.
    """
    paths = sorted(KEPT.glob("smoke/*/*/record.json"))
    kept = [json.loads(p.read_bytes()) if old else rundir.load(p).plain() for p in paths]
    return [
        write(runs, dict(record), number)
        for number, record in zip(range(count), itertools.cycle(kept))
    ]


def write(runs: Path, record: dict[str, Any], number: int, throughput: float | None = None) -> Path:
    """Write one of them: plan.json and record.json.

    throughput: None for the record's own, a little higher with each number.
    """
    began = BEGAN + dt.timedelta(minutes=number)
    plan, measured = record["plan"], record["measurement"]
    name = f"{began:%Y%m%dT%H%M%SZ}-{record['plan_digest'][:8]}"
    folder: Path = runs / plan["suite"] / plan["implementation"] / name
    folder.mkdir(parents=True)
    key = "throughput" if "throughput" in measured else "images_per_second"  # format 3
    rate = throughput or measured[key] * (1 + number % 97 / 1000)
    record |= {
        "started": f"{began:%Y-%m-%dT%H:%M:%SZ}",
        "id": folder.relative_to(runs).as_posix(),
        "measurement": measured | {key: rate},
    }
    record |= {"digest": digest_of(record)}
    (folder / "plan.json").write_text(json.dumps(plan, indent=1))
    (folder / "record.json").write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
    return folder


def seal(folder: Path) -> None:
    """Give a record that a test has edited the digest that it would have had."""
    path = folder / "record.json"
    record = json.loads(path.read_bytes())
    text = json.dumps(record | {"digest": digest_of(record)}, indent=1, sort_keys=True)
    path.write_text(f"{text}\n")


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:  # noqa: ANN401 - JSON
    """Yield the path to each value of a tree, containers before what is in them."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield (*path, key)
        if isinstance(item, dict | list):
            yield from leaves(item, (*path, key))
