"""The nouns of a suite: what makes its recipes comparable, and when a run of them is valid."""

from collections.abc import Mapping
from dataclasses import field
from typing import Literal

from mrbench.model.recipe import Window, noun


@noun
class Hardware:
    """The machine that a suite's reference was measured on."""

    accelerator: Literal["gpu", "cpu"]
    count: int
    name: str
    notes: str = ""


@noun
class Reference:
    """A published table: images per second by implementation, with its source.

    labels: what the source calls each implementation, in reStructuredText; definitions: those of
    the source that the labels need.
    """

    name: str
    date: str
    source: str
    software: Mapping[str, str] = field(default_factory=dict)
    images_per_second: Mapping[str, float] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    definitions: str = ""


RuleName = Literal[
    "images_per_iteration",
    "gpus",
    "window",
    "loss",
    "single_process",
    "precision",
    "image_size",
    "alone",
    "throttling",
    "clocks",
]


@noun
class Rule:
    """What must hold for a run's number to count, and why.

    otherwise: what a run is that breaks it. at_least, at_most: the bound, for rules that have one:
    window, the share of its iterations that is timed; loss, its last quarter's mean by its first's;
    clocks, how far their ratio is from one; throttling, the share of the window's samples.
    """

    rule: RuleName
    reason: str
    otherwise: Literal["invalid", "note"] = "invalid"
    at_least: float | None = None
    at_most: float | None = None


@noun
class Suite:
    """A folder of recipes that may be compared with one another."""

    title: str
    model: str
    window: Window
    hardware: Hardware
    order: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    rules: tuple[Rule, ...] = ()
    notes: str = ""
