"""Suites by their former names, which go on working and are answered with a hint on stderr."""

import functools
import sys
from pathlib import Path

from mrbench.recipe import load
from mrbench.record import listing


@functools.cache
def current_suite(name: str) -> str:
    """Return what a suite is called today; the hint is printed once."""
    current = load.current_name(name)
    if current != name:
        print(f"mrbench: suite {name} is now part of {current}", file=sys.stderr)
    return current


def suites_called(name: str, folder: Path) -> list[str]:
    """Return the suites whose runs a name means; a former one has those of then and of now."""
    current = current_suite(name)
    if current == name:
        return [name]
    there = listing.suites_in(folder)
    return [each for each in (name, current) if each in there] or [current]
