"""The work that a throughput counts, its units, and what its keys were called before; no I/O."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

Unit = Literal["images", "tokens", "samples", "sequences", "steps"]
_SHORT: Mapping[str, str] = {"images": "img"}

# Keys of recipes, suites, runs and baselines, rules and placeholders, while images were all that
# was counted (up to 0.3). They are read as these, wherever they stand.
OLD_NAMES: Mapping[str, str] = {
    "images_per_second": "throughput",
    "images_per_iteration": "work_per_iteration",
    "images_per_gpu": "per_device",
    "images_total": "total",
    "joules_per_image": "joules_per_unit",
}


class KnownWork(NamedTuple):
    """The work of all devices in one iteration, None if unknown, and its unit."""

    per_iteration: int | None = None
    unit: Unit = "images"


UNKNOWN = KnownWork()


def rate_name(unit: Unit) -> str:
    """Return what a throughput is called: `img/s`, `tokens/s`."""
    return f"{_SHORT.get(unit, unit)}/s"


def one_of(unit: Unit) -> str:
    """Return the unit of a single piece of work: `image`."""
    return unit.removesuffix("s")


def is_divided(unit: Unit) -> bool:
    """Tell whether each device does a part of the work; of steps all do the same."""
    return unit != "steps"


def with_new_names(plain: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return plain values of an older file with the keys, and names of rules, of today."""
    if isinstance(plain, list):
        return [with_new_names(item) for item in plain]
    if not isinstance(plain, dict):
        return plain
    lifted = {OLD_NAMES.get(name, name): with_new_names(value) for name, value in plain.items()}
    if isinstance(rule := lifted.get("rule"), str):
        lifted["rule"] = OLD_NAMES.get(rule, rule)
    return lifted
