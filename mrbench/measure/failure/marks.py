"""What a diagnosis needs of a log's samples, noted as they pass."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mrbench.model.run import IterationSample


@dataclass
class Marks:
    """Offsets in bytes into the log.

    last: behind the last mark; near: behind the last but two. lost: behind the first whose loss is
    no finite number; ends_lost: that of the last is none either.
    """

    last: int = 0
    near: int = 0
    lost: int | None = None
    ends_lost: bool = False

    def watch(self, samples: Iterable[IterationSample]) -> Iterator[IterationSample]:
        """Hand the samples on."""
        before = 0
        for sample in samples:
            self.near, before, self.last = before, self.last, sample.ended_at
            if sample.loss is not None:
                self.ends_lost = not math.isfinite(sample.loss)
                if self.ends_lost and self.lost is None:
                    self.lost = sample.ended_at
            yield sample
