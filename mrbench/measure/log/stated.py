"""What a log states: its workload (batch, GPUs, precision, image size), and its time stamps."""

import math
import re
from collections import deque
from collections.abc import Iterable, Mapping
from datetime import date
from types import MappingProxyType

from msgspec.structs import replace

from mrbench.errors import RecipeError
from mrbench.measure.log import patience
from mrbench.measure.log.blocks import Block
from mrbench.model.measurement import Printed
from mrbench.model.record import StatedFact
from mrbench.model.work import with_new_names

# Fact: what it is, as its expression's groups must give it; several groups are joined by a slash.
FACTS: Mapping[str, str] = {
    "work_per_iteration": "images (tokens, ...) of all GPUs in one iteration",
    "samples_per_iteration": "the same in samples or sequences, where the unit is tokens",
    "samples_per_step": "images (samples, sequences) of all GPUs in one optimizer step",
    "per_device": "images (samples, sequences) of one GPU in one batch",
    "sequence_length": "tokens of one sequence",
    "accumulation": "batches of one optimizer step",
    "gpus": "GPUs, or processes that train",
    "iterations_per_epoch": "by which the images of a small data set are counted",
    "precision": "as workload.precision",
    "image_size": "shorter and longer side, as workload.image_size",
}
RATED = ("rate", "seconds")  # groups whose product is the fact: work per second, and its seconds
SIDES = ("short", "long")  # groups that are joined in this order, wherever they stand
SEARCHED_BYTES = 8 << 20  # of a log: configurations stand at its beginning
_ZEROS = re.compile(r"\.0*$")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+")
DAY_S = 86400.0
YEAR_S = 366 * DAY_S  # a stamp without a year is kept in a calendar that has a 29 February

# What launchers put before each line of a rank: mpirun --tag-output, torchrun, srun --label.
RANK = re.compile(
    rb"[\s\x00\x08]{0,99}(\[[\w.@-]{0,99}?\d{1,6},\d{1,6}\]<std\w{3,4}>:|"
    rb"\[(?:rank|default)\d{1,6}\]:|\d{1,6}: )"
)
_MONTHS = b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_ZONE = rb"(?P<zone>Z|[+-](?:0\d|1[0-4]):?[0-5]\d)?"
_STAMP = re.compile(
    rb"[\s\x00\x08]{0,99}(?:\[[A-Za-z]\w{0,20}\][ ]{1,4})?"
    rb"(?:(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)[\s:]{1,4})?[\[(]?"
    rb"(?:(?P<year>\d{4})(?:[-/.](?P<m1>\d\d)[-/.](?P<d1>\d\d)|(?P<m2>\d\d)(?P<d2>\d\d))[T\s_]|"
    rb"(?P<m3>\d\d)[-/](?P<d3>\d\d)\s|"
    rb"[IWEF]?(?P<m4>\d\d)(?P<d4>\d\d)\s{1,2}|"
    rb"(?:[A-Z][a-z]{2},?\s)?(?P<name>" + b"|".join(_MONTHS) + rb")\s{1,2}(?P<d5>\d{1,2})\s)?"
    rb"(?P<h>\d\d):(?P<m>\d\d):(?P<s>\d\d)(?:[.,](?P<fraction>\d{1,9}))?" + _ZONE + rb"(?![\d:<%])"
    rb"(?:(?<=\d)\s(?P<late>(?:19|20)\d\d)(?=\s|\]|$))?"
)
_EPOCH = date(1970, 1, 1).toordinal()
_LEAP = date(2000, 1, 1).toordinal()
_MARCH_S = 60 * DAY_S  # in the calendar with a 29 February
_HOURS, _MINUTES = 24, 60


def check_patterns(states: Mapping[str, str]) -> None:
    """Raise RecipeError for an unknown fact, and for an expression that is invalid or groupless."""
    for name, pattern in with_new_names(states).items():
        key = f"log.states.{name}"
        if name not in FACTS:
            raise RecipeError(f"is none of {', '.join(FACTS)}", "correct the key", key=key)
        if not patience.compiled(pattern, key=key).groups:
            text = "needs a group around the value, as in 'gpus: (\\d+)'"
            raise RecipeError(text, key=key)


def read_stated(
    blocks: Iterable[Block],
    states: Mapping[str, str],
    means: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
) -> dict[str, StatedFact]:
    """Return each fact's value and line in the log; the last of several statements counts.

    blocks: as read_blocks yields them. means: as LogFormat.means. Facts that the log does not state
    are left out. Raises MeasureError for a pattern that takes too long.
    """
    if not states:
        return {}
    text = bytearray()
    for _, block in blocks:
        text += block
        if len(text) >= SEARCHED_BYTES:
            break
    head = bytes(text[:SEARCHED_BYTES])
    patterns = with_new_names(states)
    facts = {name: _last_statement(head, name, pattern) for name, pattern in patterns.items()}
    words = with_new_names(means)
    return {
        name: replace(fact, value=words.get(name, {}).get(fact.value, fact.value))
        for name, fact in facts.items()
        if fact
    }


def _last_statement(text: bytes, name: str, pattern: str) -> StatedFact | None:
    found = re.finditer(pattern.encode(), text, re.MULTILINE)
    last = patience.within(lambda: deque(found, maxlen=1), key=f"log.states.{name}")
    if not last:
        return None
    match = last.pop()
    line = text.count(b"\n", 0, match.start()) + 1
    if match.re.groupindex.keys() >= {*RATED}:
        told = _told_by_rate(*(match[name].decode() for name in RATED))
        return None if told is None else StatedFact(value=told, line=line)
    names = [name for name in SIDES if name in match.re.groupindex]
    groups = [match[name] for name in names] or [group for group in match.groups() if group]
    words = [_plain(group.decode(errors="replace").strip()) for group in groups]
    return StatedFact(value="/".join(words), line=line)


def _told_by_rate(rate: str, seconds: str) -> str | None:
    """Return the whole number that a rate times its seconds is; None where digits leave several."""
    try:
        values = [float(_plain(text)) for text in (rate, seconds)]
    except ValueError:
        return None
    errors = [10.0 ** -len(text.partition(".")[2]) / 2 for text in (rate, seconds)]
    least = math.ceil((values[0] - errors[0]) * (values[1] - errors[1]))
    most = math.floor((values[0] + errors[0]) * (values[1] + errors[1]))
    return str(least) if least == most > 0 else None


def _plain(text: str) -> str:
    """Return a number without commas between thousands and without a fraction of zeros."""
    return text.replace(",", "") if _THOUSANDS.fullmatch(text) else _ZEROS.sub("", text)


def read_stamp(line: bytes) -> Printed | None:
    """Return the time stamp that a line begins with, rank and level before it; None without one.

    A date that cannot be is no stamp. Colour sequences must have been taken out.
    """
    prefix = RANK.match(line)
    stamp = _STAMP.match(line, prefix.end() if prefix else 0)
    if stamp is None:
        return None
    hours, minutes, seconds = int(stamp["h"]), int(stamp["m"]), int(stamp["s"])
    if hours >= _HOURS or minutes >= _MINUTES or seconds >= _MINUTES:
        return None
    fraction = stamp["fraction"] or b""
    time_s = 3600 * hours + 60 * minutes + seconds + float(b"0." + (fraction or b"0"))
    step_s = 10.0 ** -len(fraction)
    try:
        days, period_s = _days(stamp)
    except ValueError:
        return None
    return Printed(days * DAY_S + time_s - _zone(stamp["zone"]), step_s, period_s)


def elapsed(begin: Printed, end: Printed) -> float | None:
    """Return the seconds from one stamp to the next; negative where the clock went back.

    What the stamps leave out is what makes the time shortest: midnight and New Year pass once at
    most, and a 29 February that neither of them names was none. More than half of what they leave
    out is a clock that went back. None, too, for stamps of different kinds.
    """
    if begin.period_s != end.period_s:
        return None
    seconds = end.seconds - begin.seconds
    if math.isinf(begin.period_s):
        return seconds
    seconds %= begin.period_s
    if seconds > begin.period_s / 2:
        return seconds - begin.period_s
    from_before = begin.seconds < _MARCH_S - DAY_S or begin.seconds > end.seconds
    if begin.period_s == YEAR_S and from_before and end.seconds >= _MARCH_S:
        seconds -= DAY_S
    return seconds


def _days(stamp: re.Match[bytes]) -> tuple[int, float]:
    """Return the days of a stamp and its period in seconds. Raises ValueError: no such day."""
    month = stamp["m1"] or stamp["m2"] or stamp["m3"] or stamp["m4"]
    day = stamp["d1"] or stamp["d2"] or stamp["d3"] or stamp["d4"] or stamp["d5"]
    if stamp["name"]:
        month = b"%d" % (_MONTHS.index(stamp["name"]) + 1)
    year = stamp["year"] or (stamp["late"] if stamp["name"] else None)
    if day is None:
        return 0, DAY_S
    if year is None:
        return date(2000, int(month), int(day)).toordinal() - _LEAP, YEAR_S
    return date(int(year), int(month), int(day)).toordinal() - _EPOCH, math.inf


def _zone(text: bytes | None) -> float:
    """Return the seconds that a zone is ahead of UTC."""
    if not text or text == b"Z":
        return 0.0
    digits = text[1:].replace(b":", b"")
    ahead = 3600.0 * int(digits[:2]) + 60 * int(digits[2:])
    return -ahead if text[:1] == b"-" else ahead
