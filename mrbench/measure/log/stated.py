"""What a log says of its own workload (batch, GPUs, precision, image size), by patterns."""

import re
from collections import deque
from collections.abc import Iterable, Mapping

from mrbench.errors import RecipeError
from mrbench.model.record import StatedFact

# Fact: what it is, as its expression's groups must give it; several groups are joined by a slash.
FACTS: Mapping[str, str] = {
    "images_per_iteration": "images of all GPUs together",
    "images_per_gpu": "images of one GPU",
    "gpus": "GPUs, or processes that train",
    "precision": "as workload.precision",
    "image_size": "shorter and longer side, as workload.image_size",
}
NAMED = ("short", "long")  # groups that are joined in this order, wherever they stand
SEARCHED_BYTES = 8 << 20  # of a log: configurations stand at its beginning
_ZEROS = re.compile(r"\.0*$")


def check_patterns(states: Mapping[str, str]) -> None:
    """Refuse what is no expression, has no group, or names a fact that nobody asks for."""
    for name, pattern in states.items():
        if name not in FACTS:
            raise RecipeError(f"{name!r} is none of {', '.join(FACTS)}", "correct the key")
        try:
            groups = re.compile(pattern.encode(), re.MULTILINE).groups
        except (re.error, OverflowError, RecursionError) as exc:
            raise RecipeError(f"{name}: no regular expression ({exc})", "correct it") from exc
        if not groups:
            raise RecipeError(f"{name}: needs a group around the value, as in 'gpus: (\\d+)'")


def read_stated(
    blocks: Iterable[tuple[int, bytes]], states: Mapping[str, str]
) -> dict[str, StatedFact]:
    """Return fact: its value and line, as the log states it; the last statement of several counts.

    blocks: as logs.read_blocks yields them. Facts that the log does not state are left out.
    """
    if not states:
        return {}
    text = bytearray()
    for _, block in blocks:
        text += block
        if len(text) >= SEARCHED_BYTES:
            break
    found = {name: _find(bytes(text[:SEARCHED_BYTES]), pattern) for name, pattern in states.items()}
    return {name: fact for name, fact in found.items() if fact}


def _find(text: bytes, pattern: str) -> StatedFact | None:
    last = deque(re.finditer(pattern.encode(), text, re.MULTILINE), maxlen=1)
    if not last:
        return None
    found = last.pop()
    names = [name for name in NAMED if name in found.re.groupindex]
    groups = [found[name] for name in names] or [group for group in found.groups() if group]
    words = [_ZEROS.sub("", group.decode(errors="replace").strip()) for group in groups]
    line = text.count(b"\n", 0, found.start()) + 1
    return StatedFact(value="/".join(words), line=line)
