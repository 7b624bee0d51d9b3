"""Arrival times of a log: reads train.stamps, which the executor writes beside train.log.

One line of text for each chunk, in order: `<monotonic clock, ns> <offset of the chunk's end>`, the
offset in bytes into the log. A chunk is what one read of the job's output returned.
"""

import itertools
import operator
from array import array
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mrbench.errors import MeasureError


@dataclass(frozen=True)
class Stamps:
    """When each chunk arrived (ns), and where it ends in the log; 16 bytes of memory a chunk."""

    path: Path
    times_ns: "array[int]"  # array takes no parameter when run on Python 3.11
    ends: "array[int]"

    def at(self, offset: int) -> float:
        """Return when the byte before `offset` had arrived: seconds of the monotonic clock."""
        index = bisect_left(self.ends, offset)
        if offset < 1 or index == len(self.ends):
            known = self.ends[-1] if self.ends else 0
            raise MeasureError(
                f"no time for byte {offset}, only for 1 to {known}; "
                "it belongs to another log, or was cut",
                "run again",
                file=self.path,
            )
        return self.times_ns[index] / 1e9


def read_stamps(path: Path) -> Stamps:
    """Read all stamps but a last line cut short; MeasureError if they are none."""
    times_ns, ends = array("q"), array("q")
    try:
        with path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):  # else cut short: the machine or the disk gave out
                    time_ns, end = line.split()
                    times_ns.append(int(time_ns))
                    ends.append(int(end))
    except OSError as exc:
        raise MeasureError(f"cannot be read ({exc.strerror})", "check the path", file=path) from exc
    except (ValueError, OverflowError) as exc:
        raise MeasureError(f"holds no arrival times ({exc})", "run again", file=path) from exc
    if not (_rises(times_ns, operator.le) and _rises(array("q", [0]) + ends, operator.lt)):
        raise MeasureError("holds no arrival times (they go back)", "run again", file=path)
    return Stamps(path, times_ns, ends)


def _rises(numbers: "array[int]", order: Callable[[int, int], bool]) -> bool:
    return all(map(order, numbers, itertools.islice(numbers, 1, None)))
