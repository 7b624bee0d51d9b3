"""Which runs count: for each implementation the valid repeats of what was planned last."""

import dataclasses
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from mrbench.checks.baseline.likeness import forbidding, kept_facts
from mrbench.checks.baseline.sample import SpeedSample, sample_of
from mrbench.model.baseline import Key
from mrbench.results.compare import no_number
from mrbench.results.rows import nodes_of

Record = dict[str, Any]
MOST = 1e300  # whole numbers in JSON may be larger than any float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Repeats:
    """Valid runs of one plan on machines of one kind, oldest first; maybe none.

    facts: the newest's provenance. left_out: why each other run of the plan does not count.
    """

    records: tuple[Record, ...]
    facts: dict[str, str]
    commit: str
    left_out: tuple[str, ...]

    def without(self, ids: Collection[str]) -> "Repeats":
        """Return the runs that are not among these."""
        return dataclasses.replace(
            self, records=tuple(r for r in self.records if r["id"] not in ids)
        )

    @property
    def rates(self) -> tuple[float, ...]:
        """Return their images per second."""
        return tuple(float(r["measurement"]["images_per_second"]) for r in self.records)

    @property
    def sample(self) -> SpeedSample:
        """Return them as the test sees them."""
        return sample_of(self.rates)

    @property
    def rounding(self) -> float:
        """Return the largest relative error that the digits of their logs allow."""
        bounds = (r["measurement"].get("rounding") for r in self.records)
        return max((b for b in bounds if _is_share(b)), default=0.0)

    @property
    def half_widths(self) -> tuple[float | None, ...]:
        """Return the half widths of their within-run intervals, images per second."""
        return tuple(_half_width(r["measurement"]) for r in self.records)


def key_of(record: Record) -> Key:
    """Return which series a run belongs to."""
    plan = record["plan"]
    return str(plan["implementation"]), int(plan["gpus"]), nodes_of(plan)


def latest(records: Iterable[Record]) -> dict[Key, Repeats]:
    """Group the runs of one suite; of each implementation what was planned last counts.

    Repeats are runs of one plan that may be compared with the newest valid one of them.
    """
    series: dict[Key, list[Record]] = {}
    for record in sorted(records, key=lambda r: str(r.get("started"))):
        series.setdefault(key_of(record), []).append(record)
    return {key: _newest(found) for key, found in sorted(series.items())}


def _newest(records: Sequence[Record]) -> Repeats:
    last = records[-1]
    planned = [r for r in records if r["plan_digest"] == last["plan_digest"]]
    reasons = {id(r): _no_number(r) for r in planned}
    valid = [r for r in planned if reasons[id(r)] is None]
    facts = kept_facts(valid[-1] if valid else last)
    for record in valid:
        unlike = forbidding(facts, kept_facts(record))
        if unlike:
            reasons[id(record)] = f"made elsewhere: {unlike[0]}"
    return Repeats(
        records=tuple(r for r in planned if reasons[id(r)] is None),
        facts=facts,
        commit=str(last["plan"]["source"]["commit"]),
        left_out=tuple(text for text in reasons.values() if text is not None),
    )


def _no_number(record: Record) -> str | None:
    reason = no_number(record)
    if reason is None and not _is_speed(record["measurement"]["images_per_second"]):
        return "its images per second are no speed"
    return reason


def _is_speed(value: float) -> bool:
    return 0 < value < MOST


def _is_share(value: object) -> bool:
    return isinstance(value, float) and 0 <= value < 1


def _half_width(measurement: Record) -> float | None:
    sure = measurement.get("interval")
    if not sure or not (_is_speed(sure["low"]) and _is_speed(sure["high"])):
        return None
    rate = float(measurement["images_per_second"])
    return max(float(sure["high"]) - rate, rate - float(sure["low"]), 0.0)
