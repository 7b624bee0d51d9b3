"""The nouns of what is asked for, recipes and suites: frozen types with no I/O.

A recipe's YAML keys are the field names of these types; loader and JSON Schema are made of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar, dataclass_transform

T = TypeVar("T")
Clock = Literal["log", "arrival"]
Timing = Literal["interval_mean", "running_mean", "rate", "interval_total"]


@dataclass_transform(frozen_default=True, kw_only_default=True, eq_default=False)
def noun(cls: type[T]) -> type[T]:
    """Make a frozen dataclass without __eq__ and __repr__: these would double the start's cost."""
    return dataclass(frozen=True, kw_only=True, eq=False, repr=False)(cls)


@noun
class Window:
    """Iterations first+1 .. last (1-based) are measured: 100:500 means the 400 after the 100th."""

    first: int
    last: int

    def __str__(self) -> str:
        """Return the form the command line takes."""
        return f"{self.first}:{self.last}"


@noun
class Substitution:
    """Replace a literal text in tracked files, and say beforehand what that will change."""

    text: str
    replacement: str
    files: str
    expect_files: int
    expect_lines: int


@noun
class Source:
    """A repository at one commit, what is changed in it, and the tree that must result."""

    url: str
    commit: str
    tree: str | None = None
    patches: tuple[str, ...] = ()
    substitutions: tuple[Substitution, ...] = ()
    paths: tuple[str, ...] = ()


@noun
class Package:
    """A Python package from a repository at one commit; folder: where its setup.py is."""

    url: str
    commit: str
    tree: str | None = None
    folder: str = "."


@noun
class Environment:
    """The interpreter and libraries: the caller's own, a virtual environment, or an image.

    requirements and build_requirements are what lock, a file beside the recipe, was made from;
    supplied: wheels that are on no index and hence in no lock.
    """

    kind: Literal["current", "venv", "image"]
    python: str | None = None
    requirements: tuple[str, ...] = ()
    build_requirements: tuple[str, ...] = ()
    lock: str | None = None
    packages: tuple[Package, ...] = ()
    supplied: tuple[str, ...] = ()
    build: tuple[tuple[str, ...], ...] = ()
    probe: tuple[str, ...] = ()
    system: tuple[str, ...] = ()
    image: str | None = None


@noun
class SyntheticData:
    """A small COCO-format dataset that mrbench draws itself."""

    images: int
    width: int
    height: int
    seed: int = 0


@noun
class Dataset:
    """What lies under the data folder, and where the implementation looks for it."""

    layout: str
    needs: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)
    prepare: tuple[tuple[str, ...], ...] = ()
    synthetic: SyntheticData | None = None


@noun
class WeightsFile:
    """One file of pretrained weights: its name under the weights folder, and where it is had."""

    file: str
    url: str
    other_urls: tuple[str, ...] = ()
    size_bytes: int | None = None
    md5: str | None = None
    sha256: str | None = None
    sha256_prefix: str | None = None
    link: str | None = None


@noun
class MultiNode:
    """How training over several nodes is started.

    {nodes}, {gpus_per_node}, {node_rank}, {master_address} and {master_port} are filled in, too;
    {gpus} counts all nodes. start: on each node, or once on the first (mpirun, which reaches the
    others itself).
    """

    command: tuple[str, ...]
    start: Literal["each_node", "once"] = "each_node"


@noun
class Launch:
    """The training command; {gpus}, {data}, {weights}, {output}, {python} ... are filled in."""

    command: tuple[str, ...]
    directory: str = "."
    variables: Mapping[str, str] = field(default_factory=dict)
    multi_node: MultiNode | None = None
    shell: bool = False
    terminal: bool = False
    wall_clock_limit_s: float = 7200.0
    stall_limit_s: float = 1800.0


@noun
class OtherGpus:
    """How the implementation is told a GPU count other than the suite's, and which it can take."""

    arguments: tuple[str, ...] = ()
    substitutions: tuple[Substitution, ...] = ()
    allowed: tuple[int, ...] = ()
    multiples_of: int | None = None


@noun
class Workload:
    """What one iteration is. images_total: upstream's config fixes the sum over all GPUs.

    image_size: pixels of the shorter and of the longer side at most, as 800/1333.
    """

    images_per_gpu: int
    images_total: int | None = None
    learning_rate_per_image: float | None = None
    precision: str = "float32"
    image_size: str | None = None


@noun
class Guards:
    """What keeps the window clean, in words: why each argument or patch line is there."""

    evaluation: str
    checkpoint: str
    resume: str
    stop: str


@noun
class LogFormat:
    """How the log reads: a named format of mrbench's, or a pattern and what its number means.

    pattern: regular expression with the groups `iteration` and `value`, where the log counts within
    epochs `epoch` and `per_epoch`, and where it tells `loss` and `data`. timing: what value is;
    seconds per iteration meaned over the interval since the last mark (interval_mean) or over all
    since `skipped` (running_mean), images per second over the interval (rate), or seconds for the
    interval (interval_total). data: seconds spent waiting for data, meaned or summed as value is;
    with a rate, those of the interval.
    every: iterations between two marks. counts_from: the printed number of the first iteration.
    states: regular expressions for what else the log says of the workload, see stated.FACTS.
    """

    format: str | None = None
    pattern: str | None = None
    timing: Timing | None = None
    every: int | None = None
    counts_from: int = 1
    skipped: int = 0
    clock: Clock = "log"
    keep: tuple[str, ...] = ()
    states: Mapping[str, str] = field(default_factory=dict)


@noun
class Adaptation:
    """What a suite changes on top of the source's own patches, in mrbench's words.

    stand_ins: operators that are not upstream's, with what does their work instead.
    """

    reason: str
    patches: tuple[str, ...] = ()
    stand_ins: Mapping[str, str] = field(default_factory=dict)


@noun
class Sample:
    """A log of this training, and the rate that `mrbench check` must read from it."""

    log: str
    images_per_second: float
    origin: str
    window: Window | None = None
    images_per_iteration: int | None = None


@noun
class Recipe:
    """One implementation, as its YAML pins it."""

    title: str
    framework: str
    source: Source
    environment: Environment
    workload: Workload
    launch: Launch
    log: LogFormat
    guards: Guards
    data: Dataset | None = None
    weights: tuple[WeightsFile, ...] = ()
    starts_from: str = ""
    adaptation: Adaptation | None = None
    other_gpus: OtherGpus = OtherGpus()
    sample: Sample | None = None
    software: Mapping[str, str] = field(default_factory=dict)
    notes: str = ""
