"""What a log prints where two clocks disagree: a line that tells of evaluation or checkpoint."""

import re
from collections.abc import Callable

from msgspec.structs import replace

from mrbench.model.run import Measurement
from mrbench.text import printable

LOOKED_AT_BYTES = 1 << 20  # of the place; evaluations print a lot
QUOTED = 120  # characters of a line
_SIGNS = re.compile(
    rb"^[^\r\n]{0,200}?(?:(?P<evaluation>\bevaluat|\binference\b|\bvalidat|\bTest:|\bCOCOeval|"
    rb"Accumulating evaluation|\(val\))|(?P<checkpoint>\bsav(?:ing|ed) (?:\S+ ){0,3}?(?:check|"
    rb"model|snapshot|to\b)|checkpoint))[^\r\n]{0,200}",
    re.IGNORECASE | re.MULTILINE,
)

Read = Callable[[int, int], bytes]  # (first byte, byte behind the last) of the log


def with_evidence(measured: Measurement, read: Read) -> Measurement:
    """Name what the log says at the place of a disagreement, if it says anything."""
    found = measured.disagreement
    if found is None or found.cause not in ("evaluation_or_checkpoint", "partial_clock"):
        return measured
    end = min(found.ended_at, found.began_at + LOOKED_AT_BYTES)
    sign = _SIGNS.search(read(found.began_at, end))
    if sign is None:
        return measured
    kind = "an evaluation" if sign["evaluation"] else "a checkpoint"
    line = printable(sign[0].decode(errors="replace")).strip()
    text = f"{found.text}; there the log tells of {kind}: {line[:QUOTED]}"
    warnings = tuple(text if one == found.text else one for one in measured.warnings)
    better = replace(found, text=text)
    return replace(measured, disagreement=better, warnings=warnings)
