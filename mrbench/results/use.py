"""What runs took beside time: energy and memory, as log and telemetry have it."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from msgspec import UNSET

from mrbench.model.record import RunRecord
from mrbench.model.telemetry import Statistics


class Memory(NamedTuple):
    """Bytes in use over a window: the value that 95 % of it lies below, and the highest sample.

    None where it is unknown; older records have no highest.
    """

    p95: float | None = None
    peak: float | None = None


NOTHING = Memory()


class Use(NamedTuple):
    """What a run took over its window, as log and telemetry have it; None where they do not say.

    allocated_bytes: as the log prints it; gpu_memory: of the fullest GPU; process_memory: of the
    training's processes on the fullest machine.
    """

    joules_per_unit: float | None = None
    allocated_bytes: int | None = None
    gpu_memory: Memory = NOTHING
    process_memory: Memory = NOTHING


UNKNOWN = Use()


def use_of(record: RunRecord) -> Use:
    """Return what a run took; loops, as each call counts where there are 10,000 runs."""
    telemetry, measured = record.telemetry, record.measurement
    allocated = measured.peak_allocated_bytes if measured else None
    if telemetry is None:
        return UNKNOWN if allocated is None else Use(allocated_bytes=allocated)
    gpu_memory = process_memory = NOTHING
    for gpu in telemetry.gpus or ():
        used = gpu.memory_used_bytes
        if used is not None:
            gpu_memory = _fuller(gpu_memory, used)
    trees = [telemetry.tree]
    for node in telemetry.other_nodes or ():
        trees.append(node.tree)  # noqa: PERF401 - one machine: no call
    for tree in trees:
        used = tree.memory_bytes if tree else None
        if used is not None:
            process_memory = _fuller(process_memory, used)
    joules = telemetry.joules_per_unit
    known = joules if joules is not UNSET and joules is not None and joules > 0 else None
    return Use(known, allocated, gpu_memory, process_memory)


def _fuller(so_far: Memory, used: Statistics) -> Memory:
    """Return the larger of two GPUs or machines, by each figure."""
    if so_far.p95 is None:
        return Memory(used.p95, used.max)
    one, other = so_far.peak, used.max
    peak = None if one is None or other is None else max(one, other)
    return Memory(max(so_far.p95, used.p95), peak)


def most(values: Sequence[float | None]) -> int | None:
    """Return the largest value that is known and can be, rounded."""
    known = [value for value in values if value is not None and 0 <= value < math.inf]
    return round(max(known)) if known else None


def highest_peak(of_runs: Sequence[Memory]) -> int | None:
    """Return the highest peak; None where one of the runs has a record without it."""
    known = [memory for memory in of_runs if memory.p95 is not None]
    return None if any(m.peak is None for m in known) else most([m.peak for m in known])
