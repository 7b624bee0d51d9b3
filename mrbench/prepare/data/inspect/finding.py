"""A finding: how bad it is, what is wrong where, and what to do about it."""

from typing import Literal, NamedTuple


class Finding(NamedTuple):
    """missing and broken make the check fail, a warning does not."""

    level: Literal["missing", "broken", "warning"]
    text: str
    remedy: str
