"""Scaling efficiency: images per second per GPU, against those on the fewest GPUs of a series."""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

Row = dict[str, Any]


def fill_in(rows: Iterable[tuple[Row, Hashable | None]]) -> None:
    """Set scaling_efficiency (1 is ideal) and scaling_from_gpus in each row of a scaling series.

    rows: each with what its series is known by, None if it belongs to none. Only rows with a
    number are part of a series, and it takes two counts of GPUs to make one.
    """
    series: dict[Hashable, list[Row]] = {}
    for row, key in rows:
        if key is not None and row["images_per_second"]:
            series.setdefault(key, []).append(row)
    for members in series.values():
        fewest = _fewest(members)
        if len({row["gpus"] for row in members}) > 1:
            for row in members:
                row["scaling_from_gpus"] = fewest["gpus"]
                row["scaling_efficiency"] = (
                    row["images_per_second_per_gpu"] / fewest["images_per_second_per_gpu"]
                )


def _fewest(members: Sequence[Row]) -> Row:
    return min(members, key=lambda row: int(row["gpus"]))
