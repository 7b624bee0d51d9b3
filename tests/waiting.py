"""Waiting in tests: until something holds, and never for a time that decides anything."""

import time
from collections.abc import Callable

SAFETY_S = 300.0  # ends a test that hangs, and no other, however slow and busy the machine is


def wait_for(condition: Callable[[], object], what: Callable[[], object] | str = "") -> None:
    """Wait until it holds. what: what is waited for, or a function that says how things stand."""
    end_s = time.monotonic() + SAFETY_S
    while not condition():
        assert time.monotonic() < end_s, f"waited in vain: {what() if callable(what) else what}"
        time.sleep(0.05)
