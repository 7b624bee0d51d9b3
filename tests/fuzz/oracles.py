"""What must hold for any bytes: of samples, of measurements, and between readings of one log."""

import json
import math
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from mrbench.measure.log.blocks import whole_lines
from mrbench.measure.parsers import parse_samples
from mrbench.measure.window import measure
from mrbench.model.inputs import Window
from mrbench.model.logformat import LogFormat
from mrbench.model.measurement import IterationSample, Measurement

WINDOW = Window(first=100, last=300)
IMAGES = 16
CUTS = (7, 300)  # bytes handed out at a time; blocks end at lines all the same
UNSETTLED = 2  # last samples that may still change when more of a log comes
# what processes print first; a copy of a log in which it comes later begins otherwise
BEGINNINGS = (b"Start", b"Checkpoints will be saved to ")


class ArrivalStamps:
    """Arrival times of a log that came at 1000 bytes per second."""

    def at(self, offset: int) -> float:
        """Return the seconds at which the byte before this offset arrived."""
        return 1 + offset / 1000


def log_holds(text: bytes, log: LogFormat) -> None:
    """Check all that can be checked of one log; AssertionError where it does not hold."""
    samples = read(text, log)
    check_samples(samples, len(text))
    found = measure(samples, WINDOW, IMAGES)
    check_measurement(found)
    check_mean(found, samples)
    check_measurement(measure(samples, WINDOW, IMAGES, stamps=ArrivalStamps()))
    led = LogFormat(clock="arrival", timing="interval_total")
    check_measurement(measure(samples, WINDOW, None, stamps=ArrivalStamps(), log=led))
    for size in CUTS:
        same(read(text, log, size), samples, f"read {size} bytes at a time")
    check_hint(text, log, found)
    check_prefix(text, log, samples)
    check_copy(text, log, samples, found)


def read(text: bytes, log: LogFormat, size: int = 1 << 20) -> list[IterationSample]:
    """Parse a log that comes in chunks of so many bytes."""
    chunks = (text[at : at + size] for at in range(0, len(text), size))
    return list(parse_samples(whole_lines(chunks), log, IMAGES))


def check_samples(samples: Iterable[IterationSample], size: int) -> None:
    """Check counts, and that offsets lie in the log and do not go back."""
    ended = 0
    for sample in samples:
        assert isinstance(sample.last, int), sample
        assert isinstance(sample.count, int), sample
        assert sample.last >= sample.count > 0, sample
        assert 0 < sample.ended_at <= size, sample
        assert ended <= sample.ended_at, f"offsets go back to {sample}"
        ended = sample.ended_at
        assert sample.began_at is None or 0 <= sample.began_at <= sample.ended_at, sample
        assert not sample.rounding_s < 0, sample
        assert sample.edge_s is None or not sample.edge_s < 0, sample
        for printed in (sample.printed, sample.printed_began):
            if printed is not None:
                assert math.isfinite(printed.seconds), sample
                assert printed.step_s > 0, sample
                assert printed.period_s > 0, sample


def check_measurement(found: Measurement) -> None:
    """Check that there is a number if and only if the status is ok, and that it is one."""
    assert json.dumps(msgspec.to_builtins(found), allow_nan=False)
    if found.status != "ok":
        assert found.reason, found
        assert found.throughput is found.seconds_per_iteration is None, found
        return
    seconds, rate, images = (
        found.seconds_per_iteration,
        found.throughput,
        found.work_per_iteration,
    )
    assert seconds is not None or (images is None and rate is not None), found
    assert seconds is None or 0 < seconds < math.inf, found
    assert rate is None or 0 < rate < math.inf, found
    if images is not None:
        assert rate is not None, found
        assert seconds is not None, found
        changes = any("change within the window" in text for text in found.warnings)
        rounded = 0.5 if changes else 0.0  # of the batches' mean
        assert math.isclose(rate * seconds, images, abs_tol=rounded), found
    assert found.first is not None, found
    assert found.last is not None, found
    assert 0 < found.iterations <= found.last - found.first + 1, found
    if found.interval is not None:
        middle = found.interval.throughput
        assert 0 < found.interval.low <= middle <= found.interval.high < math.inf, found


def check_mean(found: Measurement, samples: Sequence[IterationSample]) -> None:
    """Check that the number lies between the least and the most that a sample tells."""
    if found.seconds_per_iteration is None or found.clock != "log":
        return
    each = [s.seconds / s.count for s in samples if math.isfinite(s.seconds)]
    margin = 1e-9 * found.seconds_per_iteration
    assert min(each) - margin <= found.seconds_per_iteration <= max(each) + margin, found


def check_hint(text: bytes, log: LogFormat, found: Measurement) -> None:
    """Check that a hint at the window never gives another number.

    Who wrote what far behind the window it may see otherwise, and so refuse one that is refused
    without it, or the reverse, in a log whose numbers jump there.
    """
    hinted = measure(parse_samples(whole_lines([text]), log, IMAGES, WINDOW), WINDOW, IMAGES)
    one, other = (
        (m.status, m.throughput, m.seconds_per_iteration, m.first, m.last) for m in (hinted, found)
    )
    if found.status == "ok" and hinted.status == "ok":
        same(one, other, "with a hint at the window")


def check_prefix(text: bytes, log: LogFormat, samples: Sequence[IterationSample]) -> None:
    """Check that what was told of a log's beginning stays as it was told."""
    end = text.rfind(b"\n", 0, len(text) // 2) + 1
    early = read(text[:end], log)
    settled = early[: max(0, len(early) - UNSETTLED)]
    same(samples[: len(settled)], settled, f"cut after {end} bytes")


def check_copy(
    text: bytes, log: LogFormat, samples: Sequence[IterationSample], found: Measurement
) -> None:
    """Check that a log with a copy of itself behind it gives the number of the log."""
    # of so few marks the copy's first may be another rank's
    if found.status != "ok" or found.processes != 1 or len(samples) <= 2 * UNSETTLED:
        return
    if any(text.find(words, samples[0].ended_at) >= 0 for words in BEGINNINGS):
        return
    whole = text if text.endswith(b"\n") else text + b"\n"
    if repr(read(whole, log)) != repr(samples):  # a line cut short is longer now
        return
    twice = measure(read(whole + whole, log), WINDOW, IMAGES)
    told = f"{found} became {twice}"
    assert (twice.status, twice.seconds_per_iteration) == ("ok", found.seconds_per_iteration), told
    # a copy whose first line has lost its number goes on with the first's, and then falls back
    assert twice.processes > 1, told


def same(one: object, other: object, when: str) -> None:
    """Compare by what they print as, where nan is nan."""
    assert repr(one) == repr(other), f"{when}: {_first_difference(one, other)}"


def _first_difference(one: object, other: object) -> str:
    if isinstance(one, list) and isinstance(other, list):
        pairs: Iterator[tuple[object, object]] = zip(one, other, strict=False)
        differing = ((a, b) for a, b in pairs if repr(a) != repr(b))
        return "{} and {}".format(*next(differing, (f"{len(one)} samples", len(other))))
    return f"{one} and {other}"
