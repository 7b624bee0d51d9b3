"""Printable values and ranges, differences between trees of them, placeholders, similar names."""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

TOLERANCE = 1e-9  # relative; sums in another order may differ in the last digits
LONGEST = 160  # characters of a value that a line shows
ABSENT = "(absent)"


def leaves(value: object, key: str = "") -> Iterator[tuple[str, object]]:
    """Yield each leaf with its dotted key; empty containers are leaves."""
    if isinstance(value, Mapping) and value:
        for name in value:
            yield from leaves(value[name], f"{key}.{name}" if key else str(name))
    elif isinstance(value, list | tuple) and value:
        for i, item in enumerate(value):
            yield from leaves(item, f"{key}[{i}]")
    else:
        yield key, [] if value == () else value


def differences(
    recorded: object, current: object, key: str = ""
) -> Iterator[tuple[str, object, object]]:
    """Yield key, recorded value and current value wherever two trees differ.

    Lists of unlike length, and a value where the other has a tree, differ as a whole.
    """
    if isinstance(recorded, Mapping) and isinstance(current, Mapping):
        for name in dict.fromkeys((*recorded, *current)):
            inner = f"{key}.{name}" if key else str(name)
            yield from differences(recorded.get(name, ABSENT), current.get(name, ABSENT), inner)
    elif isinstance(recorded, list | tuple) and isinstance(current, list | tuple):
        if len(recorded) != len(current):
            yield key, list(recorded), list(current)
            return
        for i, (one, other) in enumerate(zip(recorded, current, strict=True)):
            yield from differences(one, other, f"{key}[{i}]")
    elif not equal(recorded, current):
        yield key, recorded, current


def equal(one: object, other: object) -> bool:
    """Compare two leaves; measured numbers to TOLERANCE, all else exactly."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other  # 1 is no truth value
    if isinstance(one, float) and isinstance(other, float):
        both_nan = math.isnan(one) and math.isnan(other)
        return both_nan or math.isclose(one, other, rel_tol=TOLERANCE, abs_tol=1e-15)
    return one == other


def shorten(value: object, longest: int = LONGEST) -> str:
    """Return a value as one printable line of at most `longest` characters and an ellipsis."""
    text = value if isinstance(value, str) else repr(value)
    plain = printable(text) or "nothing"
    return plain if len(plain) <= longest else f"{plain[:longest]}..."


def printable(text: str) -> str:
    """Replace each control character by a space: a quoted text may come from a stranger."""
    return "".join(c if c.isprintable() else " " for c in text)


def size_text(size_bytes: float) -> str:
    """Return a number of bytes as people read it, in B, KiB, MiB or GiB: `812 KiB`, `1.4 GiB`."""
    value, unit = float(size_bytes), "B"
    for larger in ("KiB", "MiB", "GiB"):
        if value < 1024:  # noqa: PLR2004 - of the next unit
            break
        value, unit = value / 1024, larger
    digits = unit == "GiB" or (unit != "B" and value < 10)  # noqa: PLR2004 - two digits are enough
    return f"{value:.{int(digits)}f} {unit}"


def numbers(first: int, last: int) -> str:
    """Return the numbers from first to last as people write them: `7-9`, or `7` for one."""
    return f"{first}-{last}" if last != first else f"{first}"


def counted(number: float, what: str) -> str:
    """Return a number with its noun, as `1 core`, `0.5 cores` and `2 patches`."""
    plural = f"{what}es" if what.endswith("ch") else f"{what}s"
    shown = number if isinstance(number, int) else f"{number:g}"
    return f"{shown} {what if number == 1 else plural}"


def first_few(texts: Sequence[str], most: int, between: str = ", ", last: str = " and") -> str:
    """Return the first so many texts as one, and how many more there are."""
    more = f"{last} {len(texts) - most} more" if len(texts) > most else ""
    return between.join(texts[:most]) + more


def to_digits(value: float, digits: int) -> str:
    """Return a number to so many digits or to whole ones; as a power of ten only where it is huge.

    digits: at least 1.
    """
    whole = 10 ** (digits - 1) <= abs(value) < 1e15  # noqa: PLR2004 - larger ones are not exact
    return f"{value:.0f}" if whole else f"{value:.{digits}g}"


def four_digits(value: float) -> str:
    """Return a number to four digits, as to_digits."""
    return to_digits(value, 4)


def one_line(text: str) -> str:
    """Return a text as one printable line with single spaces."""
    return " ".join(printable(text).split())


# Words of a variable's name, between underscores, that mean a secret. Nothing ordinary ends as the
# first ones do; KEY and its like count by themselves, not as the end of MONKEY or BYPASS.
_SECRET = re.compile(
    r".*(?:TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?)|"
    r"(?:API|ACCESS|APP|AUTH|DB|LICENSE|PG|PRIVATE|SSH)?(?:KEY|PASS)|"
    r"AUTH|COOKIES?|BEARER|PRIVATE|SIGNATURE"
)
_USERINFO = re.compile(r"(?<=://)[^/\s@\"']+(?=@)")
_QUERY = re.compile(r"([?&;][^=&;#\s]*=)([^&;#\s\"']+)")
HIDDEN = "***"


def is_secret(name: str) -> bool:
    """Tell whether a variable of that name holds a secret."""
    return any(map(_SECRET.fullmatch, re.split("[_-]", name.upper())))


def shown(name: str, value: str) -> str:
    """Return a variable's value for others to read: no secret, no user or password in a URL."""
    return HIDDEN if is_secret(name) and value else without_secrets(value)


def without_secrets(text: str) -> str:
    """Return a text with stars for users and passwords in URLs, and for secrets in their query."""
    plain = _USERINFO.sub(HIDDEN, text)
    return _QUERY.sub(lambda m: m[1] + (HIDDEN if is_secret(m[1][1:-1]) else m[2]), plain)


PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
LONGEST_NAME = 100  # characters that are compared: what strangers write may be a megabyte
PLACEHOLDERS = {
    "python": "the environment's interpreter",
    "checkout": "this run's own copy of the patched source",
    "output": "a fresh folder for what the training writes",
    "data": "the data folder",
    "converted": "what data.converted made of the data",
    "weights": "the weights folder",
    "gpus": "number of GPUs (or CPU devices)",
    "per_device": "workload.per_device: images (samples, sequences) of a GPU in one batch",
    "work_per_iteration": "images (tokens, ...) per iteration, all GPUs together",
    "sequence_length": "workload.sequence_length",
    "accumulation": "workload.accumulation: batches of one optimizer step",
    "learning_rate": "learning_rate_per_image times work_per_iteration",
    "port": "a free TCP port of this machine",
    "nodes": "number of nodes (launch.multi_node)",
    "gpus_per_node": "GPUs of one node (launch.multi_node)",
    "node_rank": "the node's number, from 0 (launch.multi_node)",
    "master_address": "where the first node is reached (launch.multi_node)",
    "master_port": "a free TCP port of the first node (launch.multi_node)",
}


def fill_placeholders(text: str, values: Mapping[str, str]) -> str:
    """Replace the placeholders that `values` knows; leave the others for later."""
    return PLACEHOLDER.sub(lambda m: values.get(m[1], m[0]), text)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return "did you mean ...?" with the most similar known name, or "" if none is similar."""
    near = nearest(name, known)
    return f"did you mean {near!r}?" if near else ""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the most similar known name, or None."""
    import difflib  # noqa: PLC0415 - for mistakes only

    near = difflib.get_close_matches(name[:LONGEST_NAME], list(known), n=1)
    return near[0] if near else None
