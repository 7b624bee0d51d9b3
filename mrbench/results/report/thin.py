"""Series with fewer points, without hiding what was slow or fast."""

from collections.abc import Sequence

Number = float | None


def thin(x: Sequence[float], y: Sequence[Number], most: int) -> list[int]:
    """Return which points to draw, in order: all, or about `most` of them.

    Of each of most / 2 stretches of equally many points, the lowest and the highest stay, and one
    gap (a y of None) if there is any; the first and the last point stay in any case. x and y are
    equally long. At most 3 / 2 * most + 2 indices.
    """
    total = min(len(x), len(y))
    if total <= most:
        return list(range(total))
    stretches = max(1, most // 2)
    kept = {0, total - 1}
    for i in range(stretches):
        part = range(i * total // stretches, (i + 1) * total // stretches)
        known = [(value, k) for k in part if (value := y[k]) is not None]
        if known:
            kept |= {min(known)[1], max(known)[1]}
        if len(known) < len(part):
            kept.add(next(k for k in part if y[k] is None))
    return sorted(kept)
