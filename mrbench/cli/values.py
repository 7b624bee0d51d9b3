"""How the words behind options are read: ArgumentTypeError says what would do."""

import argparse
import datetime as dt
import re
from pathlib import Path
from typing import NamedTuple

from mrbench.text import shorten

AGE = re.compile(r"(\d{1,6})([mhdw])")
DURATION = re.compile(r"(\d{1,6})([smhdw])")
UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
QUANTITY = re.compile(r"(\d[\d,]{0,20}(?:\.\d{0,20})?) ?(ms|s|min|h|)")
UNITS = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "": 1.0}
MOST_DIGITS = 15  # of a number: larger ones fit no floating-point number, or no memory
MOST_ROUNDS = 10_000
OLDEST = 11  # of 3.X, that mrbench runs on
RANDOM = "random"  # instead of a folder of weights
MOST_DRAWN = 1_000_000  # images, of 190 kB each; COCO has 118,287
SYNTHETIC = "synthetic"  # instead of a folder of data
SECOND = "%Y-%m-%dT%H:%M:%S"  # sorts before that second with its fraction or Z


def _no(text: str, why: str) -> argparse.ArgumentTypeError:
    return argparse.ArgumentTypeError(f"{shorten(repr(text))} {why}")


def variable(text: str) -> str:
    """Read the name of a variable; a * at its end stands for any ending."""
    name = text.removesuffix("*")
    if name.isidentifier() and name.isascii():
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is not the name of a variable; give one, or NCCL_*")


def folder_or_synthetic(text: str) -> Path | str:
    """Read a folder of data, or `synthetic`, as text; ./synthetic is a folder of that name."""
    word, colon, count = text.partition(":")
    if word != SYNTHETIC:
        return Path(text)
    if not colon:
        return word
    if positive(count) == 1:
        raise argparse.ArgumentTypeError(f"{text!r}: draw at least 2 images")
    if int(count) > MOST_DRAWN:
        raise argparse.ArgumentTypeError(f"{text!r}: draw at most {MOST_DRAWN:,} images")
    return f"{word}:{int(count)}"


def folder_or_random(text: str) -> Path | str:
    """Read a folder of weights, or the word for none; ./random is a folder of that name."""
    return text if text == RANDOM else Path(text)


def positive(text: str) -> int:
    """Read a whole number above zero."""
    if _is_number(text) and int(text) > 0:
        return int(text)
    large = text.isdecimal() and text.strip("0")
    raise _no(text, "is too large a number" if large else "is not a positive number")


def aggregation(text: str) -> str:
    """Read how a number is made of several runs."""
    if re.fullmatch("mean|mlperf:([3-9]|[1-9][0-9]{1,3})", text):
        return text
    raise _no(text, "is no way to aggregate runs; give mean, or mlperf:N with N from 3")


def rounds(text: str) -> int:
    """Read how often to train."""
    if positive(text) <= MOST_ROUNDS:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} are too many; give at most {MOST_ROUNDS}")


def _is_number(text: str) -> bool:
    return text.isdecimal() and len(text) <= MOST_DIGITS


def age(text: str) -> int:
    """Read an age, such as 30m, 12h, 7d or 8w; returns seconds."""
    if match := AGE.fullmatch(text):
        return int(match[1]) * UNITS_S[match[2]]
    raise _no(text, "is not an age; give it as 30m, 12h, 7d or 8w")


def duration(text: str) -> int:
    """Read how long something may take, as 90s, 30m, 2h or 1d; returns seconds."""
    if (match := DURATION.fullmatch(text)) and int(match[1]):
        return int(match[1]) * UNITS_S[match[2]]
    raise _no(text, "is not a duration; give it as 90s, 30m, 2h or 1d")


def setting(text: str) -> tuple[str, tuple[str, ...]]:
    """Read NAME=VALUE[,VALUE...]; returns the name and the values, each once."""
    name, _, values = text.partition("=")
    each = tuple(dict.fromkeys(value.strip() for value in values.split(",")))
    if name.strip() and all(each):
        return name.strip(), each
    raise _no(text, "is not NAME=VALUE; give a parameter of the recipe, as batch=1,2,4")


def moment(text: str) -> str:
    """Read a moment, or an age, as times stand in records, which sort as they read."""
    try:
        if AGE.fullmatch(text):
            read = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=age(text))
        else:
            read = dt.datetime.fromisoformat(text)
            read = read.replace(tzinfo=read.tzinfo or dt.UTC).astimezone(dt.UTC)
        return read.strftime(SECOND)
    except (ValueError, OverflowError):
        example = "give 30m, 12h, 7d, 8w or a date such as 2026-01-31"
        raise argparse.ArgumentTypeError(f"{text!r} is not a time; {example}") from None


def whole(text: str) -> int:
    """Read a whole number, negative ones too."""
    if _is_number(text.removeprefix("-")):
        return int(text)
    raise _no(text, "is not a whole number")


def commit(text: str) -> str:
    """Read a full commit id; what is shorter, or a name, could mean another commit tomorrow."""
    if len(text) == 40 and set(text) <= set("0123456789abcdef"):  # noqa: PLR2004 - SHA-1 in hex
        return text
    raise argparse.ArgumentTypeError(
        f"{text!r} is not a commit of 40 hex digits; give what `git rev-parse {text}` prints in the"
        " repository of the recipe"
    )


def size(text: str) -> str:
    """Read an amount of memory as Docker's engine takes it."""
    number = text.lower().removesuffix("b").rstrip("kmgt")
    if _is_number(number) and len(text) - len(number) <= 2:  # noqa: PLR2004 - as kb
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is not an amount of memory; give it as 64g or 512m")


def shared(text: str) -> str:
    """Read an amount of shared memory, or `host`."""
    return text if text == "host" else size(text)


def counts(text: str) -> tuple[int, ...]:
    """Read whole numbers parted by commas, in order, each once; what is too small is told later."""
    words = text.split(",")
    if all(_is_number(word.strip()) for word in words):
        return tuple(dict.fromkeys(map(int, words)))
    raise _no(text, "is no count; give a number of GPUs, or several as 1,2,4,8")


def python_versions(text: str) -> tuple[str, ...]:
    """Read versions of Python that mrbench runs on, parted by commas."""
    words = tuple(word.strip() for word in text.split(","))
    if all(re.fullmatch(r"3\.[1-9]\d?", word) and int(word[2:]) >= OLDEST for word in words):
        return words
    raise argparse.ArgumentTypeError(f"{shorten(repr(text))}: give 3.{OLDEST} or later, as 3.12")


def degrees(text: str) -> float:
    """Read a temperature in degrees Celsius that a GPU can have and a person can mean."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if 0 < value < 120:  # noqa: PLR2004 - above, GPUs switch off
        return value
    raise _no(text, "is not a temperature of a GPU; give degrees Celsius")


class Quantity(NamedTuple):
    """A number above zero; of a time, with its unit, the seconds."""

    value: float
    unit: str


def quantity(text: str) -> Quantity:
    """Read a number above zero, which may have thousands separators, or a time with its unit."""
    match = QUANTITY.fullmatch(text.strip())
    value = float(match[1].replace(",", "")) * UNITS[match[2]] if match else 0.0
    if match and value > 0:
        return Quantity(value, match[2])
    raise _no(text, "is not a number above zero; give it as 8672.8, or a time as 29.3min")


def margin(text: str) -> float:
    """Read a share, as 3% or 0.03."""
    number, percent = (text[:-1], 100) if text.endswith("%") else (text, 1)
    try:
        value = float(number) / percent
    except ValueError:
        value = -1.0
    if 0 < value <= 0.5:  # noqa: PLR2004 - above half, nothing would be told apart
        return value
    meant = percent == 1 and 0.5 < value <= 50  # noqa: PLR2004 - a percentage without its sign
    hint = f"did you mean {text}%?" if meant else "give a share up to 50%, as 3%"
    raise argparse.ArgumentTypeError(f"{text!r} is not a margin; {hint}")
