"""Reads the records of a suite fast, and of each what a table needs, checked.

There is no cache and no index: each call opens every record.json once and parses the whole of it,
so that a table shows what lies there now. The kind of each value that tables use is checked; the
record's own digest is not, `mrbench verify` does that.
"""

import contextlib
import gc
import json
import math
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from mrbench.errors import MrbenchError

Record = dict[str, Any]
MOST_BYTES = 16 << 20  # a record has some 16 kB
DAMAGED = "it was edited or damaged; restore it or remove the run"
Fields = tuple[tuple[str, type, bool], ...]


def _fields(**kinds: type | tuple[type]) -> Fields:
    """Return name, kind and whether it must be there; a kind in a tuple may be absent or null."""
    return tuple(
        (name, kind[0], False) if isinstance(kind, tuple) else (name, kind, True)
        for name, kind in kinds.items()
    )


# What is kept of a record.
RECORD = _fields(
    id=str,
    status=str,
    plan_digest=str,
    plan=dict,
    started=(str,),
    reason=(str,),
    family=(str,),
    machine=(dict,),
    other_machines=(list,),
    measurement=(dict,),
    validity=(dict,),
    environment=(dict,),
    slurm=(dict,),
)
PLAN = _fields(
    implementation=str,
    title=str,
    framework=str,
    source=dict,
    pinned=bool,
    gpus=int,
    nodes=(int,),
    accelerator=str,
    window=dict,
    adaptation=(dict,),
)
ADAPTATION = _fields(reason=str, patches=list, stand_ins=dict)
MACHINE = _fields(host=(str,), cpu=(str,), gpus=(list,))
MEASUREMENT = _fields(images_per_second=(float,), interval=(dict,), warnings=(list,))
COMMIT = _fields(commit=str)
WINDOW = _fields(first=int, last=int)
IMAGE = _fields(image=(str,))
CLUSTER = _fields(cluster=(str,))
GPU = _fields(name=(str,))
INTERVAL = _fields(images_per_second=float, low=float, high=float)
VALIDITY = _fields(verdict=str, why=(str,), notes=(list,))


def read_runs(runs: Path, suite: str) -> Iterator[Record | MrbenchError | Path]:
    """Yield for each run of a suite, oldest first, one of three.

    A record with what a table needs and `folder`, where it lies; an error that tells what is wrong
    with its record.json; the folder of a run that has a plan and no record.
    """
    found = []
    for implementation in _entries(os.path.join(runs, suite)):  # noqa: PTH118 - 10,000 of them
        found += [(name, implementation) for name in _names(implementation)]
    with _no_collection():
        for name, implementation in sorted(found):
            folder = f"{implementation}/{name}"
            try:
                yield _reduced(_parsed(f"{folder}/record.json"), folder)
            except NotADirectoryError:
                continue
            except FileNotFoundError:
                if (Path(folder) / "plan.json").exists():
                    yield Path(folder)
            except MrbenchError as exc:
                yield exc


def _entries(folder: str) -> list[str]:
    return [f"{folder}/{name}" for name in _names(folder)]


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208 - see above
    except (FileNotFoundError, NotADirectoryError):
        return []


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the garbage collector out: of what a record was parsed into nothing forms cycles."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _parsed(path: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    try:
        number = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe by that name does not block
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as exc:
        raise MrbenchError(f"cannot be read ({exc.strerror})", "check the path", file=path) from exc
    try:
        told = os.fstat(number)
        if not stat.S_ISREG(told.st_mode) or told.st_size > MOST_BYTES:
            raise MrbenchError(
                "is no record (a regular file of at most 16 MiB)", "remove the run", file=path
            )
        text = os.read(number, told.st_size)
    finally:
        os.close(number)
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass  # it takes no NaN, which json writes and reads
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise MrbenchError(
            f"is no record ({exc})", "restore it or remove the run", file=path
        ) from exc


def _reduced(record: object, folder: str) -> Record:
    where = f"{folder}/record.json"
    if not isinstance(record, dict) or "status" not in record or "plan" not in record:
        raise MrbenchError("is no record of mrbench", "restore it or remove the run", file=where)
    kept = _kept(record, RECORD, where, "")
    plan = kept["plan"] = _kept(kept["plan"], PLAN, where, "plan.")
    plan["source"] = _kept(plan["source"], COMMIT, where, "plan.source.")
    plan["window"] = _kept(plan["window"], WINDOW, where, "plan.window.")
    if plan["gpus"] < 1 or plan.get("nodes", 1) < 1:
        raise MrbenchError("plan.gpus or plan.nodes is less than 1", DAMAGED, file=where)
    if "adaptation" in plan:
        adaptation = plan["adaptation"] = _kept(plan["adaptation"], ADAPTATION, where, "plan.")
        _texts(adaptation["patches"], where, "plan.adaptation.patches")
        _texts(list(adaptation["stand_ins"].values()), where, "plan.adaptation.stand_ins")
    machines = [kept.get("machine", {}), *kept.get("other_machines", ())]
    kept["machine"], *others = (_machine(machine, where) for machine in machines)
    kept["other_machines"] = others
    if "environment" in kept:
        kept["environment"] = _kept(kept["environment"], IMAGE, where, "environment.")
    if "slurm" in kept:
        kept["slurm"] = _kept(kept["slurm"], CLUSTER, where, "slurm.")
    if "measurement" in kept:
        kept["measurement"] = _measurement(kept["measurement"], where)
    if kept["status"] == "ok" and not kept.get("measurement", {}).get("images_per_second"):
        raise MrbenchError("status is ok, and there is no number", DAMAGED, file=where)
    if kept.get("validity"):
        kept["validity"] = _kept(kept["validity"], VALIDITY, where, "validity.")
        _texts(kept["validity"].get("notes", []), where, "validity.notes")
    kept["folder"] = folder
    return kept


def _kept(value: object, fields: Fields, where: str, key: str) -> Record:
    """Return what `fields` names; what may be absent and is null is left out."""
    if not isinstance(value, dict):
        raise MrbenchError(f"{key.rstrip('.') or 'it'} is no object", DAMAGED, file=where)
    kept = {}
    for name, kind, required in fields:
        found = value.get(name)
        if type(found) is kind:
            kept[name] = found
        elif kind is float and type(found) is int:
            kept[name] = float(found) if abs(found) < 2**64 else math.inf
        elif found is not None or required:
            raise MrbenchError(f"{key}{name} is no {_word(kind)}", DAMAGED, file=where)
    return kept


def _word(kind: type) -> str:
    words = {str: "text", dict: "object", list: "list", int: "whole number", float: "number"}
    return words.get(kind, "yes or no")


def _texts(values: list[object], where: str, key: str) -> None:
    if not all(isinstance(value, str) for value in values):
        raise MrbenchError(f"{key} has what is no text", DAMAGED, file=where)


def _machine(value: object, where: str) -> Record:
    machine = _kept(value, MACHINE, where, "machine.")
    gpus = machine.get("gpus", ())
    machine["gpus"] = [_kept(gpu, GPU, where, "machine.gpus.") for gpu in gpus]
    return machine


def _measurement(value: object, where: str) -> Record:
    measurement = _kept(value, MEASUREMENT, where, "measurement.")
    _texts(measurement.get("warnings", []), where, "measurement.warnings")
    interval = measurement.get("interval")
    if interval:
        interval = measurement["interval"] = _kept(
            interval, INTERVAL, where, "measurement.interval."
        )
    rate = measurement.get("images_per_second")
    for figure in (rate, *(interval or {}).values()):
        if figure is not None and not 0 < figure < math.inf:
            raise MrbenchError(f"{figure} is no number of images per second", DAMAGED, file=where)
    return measurement
