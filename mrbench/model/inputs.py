"""What a run is made of: source, environment, data and weights, as recipes pin them; no I/O.

A recipe's YAML keys are the field names of these types; loader and JSON Schema are made of them.
"""

import sys
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, Struct

from mrbench.model.doc import doc

# What is wrong and what to do, where the pattern of a `msgspec.Meta` would explain nothing.
PROBLEM = "problem"
# The loader takes numbers and truth values as the text that stands there: `CUDA: 10.0`.
ANY_TEXT = "any_text"
# More types that the value may have in YAML, for the JSON Schema: msgspec sets `type` itself.
ALSO = "also"
# The version that mrbench itself runs on, which environments are for that name none.
OWN_PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
Patches = tuple[tuple[str, bytes], ...]  # name and content, in the order to apply
# Begins the URL of an implementation that mrbench carries.
PACKAGE = "package:"

_PINNED = (
    "is not a commit of 40 hex digits",
    "branches, tags and short ids can move: give the id that `git rev-parse` prints",
)
_TREE = ("is not a tree id of 40 hex digits", "`mrbench prepare --checkout-only` prints it")
Commit = Annotated[str, Meta(pattern="^[0-9a-f]{40}$", extra={PROBLEM: _PINNED})]
Tree = Annotated[str, Meta(pattern="^[0-9a-f]{40}$", extra={PROBLEM: _TREE})]
_EXACT = ("is not a package with its exact version", "give it as NAME==VERSION, e.g. mmdet==3.3.0")
_FILE = (
    "is not a SHA-256 of 64 hex digits",
    "give that of the wheel or sdist, as the package's page on its index shows it",
)
ExactPackage = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?==[A-Za-z0-9][A-Za-z0-9.!+_-]*$",
        extra={PROBLEM: _EXACT},
    ),
]
FileSha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$", extra={PROBLEM: _FILE})]
Count = Annotated[int, Meta(ge=1, le=(1 << 63) - 1)]  # what arithmetic in floats can take
Seconds = Annotated[float, Meta(gt=0)]
_VARIABLE = ("is not the name of a variable", "give its name, as OMP_NUM_THREADS, or NCCL_*")
VariableName = Annotated[
    str, Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]*\*?$", extra={PROBLEM: _VARIABLE})
]
# A list of words; in YAML it may also be one line, split as a shell would.
Words = Annotated[tuple[str, ...], Meta(extra_json_schema={ALSO: ["string"]})]
Command = Annotated[Words, Meta(min_length=1)]
# A command in a list of commands.
Step = Annotated[Command, doc("One command: a list of words, or one line.")]
Value = Annotated[
    str, Meta(extra={ANY_TEXT: True}, extra_json_schema={ALSO: ["number", "boolean"]})
]


class Window(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Iterations first+1 .. last (1-based) are measured: 100:500 means the 400 after the 100th."""

    first: Annotated[int, Meta(ge=0, description="Iterations to leave out at the start, e.g. 100.")]
    last: Annotated[Count, doc("The last iteration to measure (1-based), e.g. 500.")]

    def __post_init__(self) -> None:
        """Refuse an empty window."""
        if self.first >= self.last:
            raise ValueError("first must be below last")

    def __str__(self) -> str:
        """Return the form the command line takes."""
        return f"{self.first}:{self.last}"


class Substitution(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Replace a literal text in tracked files, and state beforehand what that will change."""

    text: Annotated[str, Meta(min_length=1, description="Literal text to replace; no pattern.")]
    replacement: Annotated[str, doc("What to put there instead.")]
    files: Annotated[str, doc("Git pathspec of the files to change, e.g. 'configs/*.yaml'.")]
    expect_files: Annotated[
        Count, doc("Number of files that must change; any other number is an error.")
    ]
    expect_lines: Annotated[
        Count, doc("Number of lines that must change; any other number is an error.")
    ]


class Source(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A repository at one commit or a file of a package index, changed, and what must result."""

    LATER: ClassVar[Mapping[str, Any]] = {"url": "", "commit": "", "package": None, "sha256": None}
    UNLESS: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "url": ("package", "sha256"),
        "commit": ("package", "sha256"),
    }

    url: Annotated[
        str,
        Meta(
            description="Repository to fetch from: an https, ssh or file URL, or package:NAME for"
            " an implementation that mrbench carries.",
            examples=["https://github.com/facebookresearch/detectron2"],
        ),
    ] = ""
    commit: Annotated[
        Commit, doc("Commit to check out: all 40 hex digits, since the rest can move.")
    ] = ""
    package: Annotated[
        ExactPackage | None,
        doc(
            "Instead of url and commit: a package of a Python package index with its version, e.g."
            " mmdet==3.3.0. Its wheel (one for any platform) or sdist is unpacked."
        ),
    ] = None
    sha256: Annotated[
        FileSha256 | None, doc("SHA-256 of the package's wheel or sdist: 64 hex digits.")
    ] = None
    tree: Annotated[
        Tree | None,
        doc(
            "Git tree id that the checkout must have once it is patched. `mrbench prepare"
            " --checkout-only` prints it."
        ),
    ] = None
    patches: Annotated[
        Words,
        doc(
            "Patches to apply, in this order, with no fuzz: paths below patches/, e.g."
            " 2019/simpledet.patch; for a recipe of your own relative to the recipe."
        ),
    ] = ()
    substitutions: Annotated[
        tuple[Substitution, ...],
        doc("Literal replacements to make before the patches are applied."),
    ] = ()
    paths: Annotated[
        Words, doc("Sparse-checkout patterns: check out these parts only. Default: everything.")
    ] = ()

    @property
    def upstream(self) -> str:
        """Where it comes from: a repository's URL, or a package with its version."""
        return self.package or self.url

    @property
    def revision(self) -> str:
        """What is pinned there: a commit, or the SHA-256 of a package's file."""
        return self.sha256 or self.commit


def is_package(upstream: str) -> bool:
    """Tell whether it is a package of an index, NAME==VERSION, and no URL."""
    return "==" in upstream and ":" not in upstream


class Package(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A Python package to build from a repository at one commit, or from an index's sdist."""

    LATER: ClassVar[Mapping[str, Any]] = {**Source.LATER, "substitutions": (), "variables": {}}
    UNLESS: ClassVar[Mapping[str, tuple[str, ...]]] = Source.UNLESS

    url: Annotated[str, doc("Repository to fetch from: an https, ssh or file URL.")] = ""
    commit: Annotated[
        Commit, doc("Commit to build: all 40 hex digits, since the rest can move.")
    ] = ""
    package: Annotated[
        ExactPackage | None,
        doc(
            "Instead of url and commit: a package of a Python package index with its version, e.g."
            " mmcv==2.1.0. Its sdist is built."
        ),
    ] = None
    sha256: Annotated[FileSha256 | None, doc("SHA-256 of the package's sdist: 64 hex digits.")] = (
        None
    )
    tree: Annotated[
        Tree | None, doc("Git tree id that the source must have once it is changed.")
    ] = None
    substitutions: Annotated[
        tuple[Substitution, ...], doc("Literal replacements to make before it is built.")
    ] = ()
    variables: Annotated[
        Mapping[str, str], doc("Environment variables of the build, e.g. {MAX_JOBS: '4'}.")
    ] = {}
    folder: Annotated[str, doc("Folder with the package's setup.py or pyproject.toml.")] = "."


class Environment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The interpreter and libraries: the caller's own, a virtual environment, or an image."""

    LATER: ClassVar[Mapping[str, Any]] = {"index": None, "find_links": (), "no_deps": ()}

    kind: Annotated[
        Literal["current", "venv", "image"],
        doc(
            "current: the environment that runs mrbench. venv: a virtual environment that mrbench"
            " makes. image: inside a container image only."
        ),
    ]
    python: Annotated[str | None, doc('Python version for kind venv, in quotes, e.g. "3.7".')] = (
        None
    )
    requirements: Annotated[
        Words,
        doc(
            "Python packages to install, with exact versions, e.g. torch==1.3.0. The lock is made"
            " from them."
        ),
    ] = ()
    build_requirements: Annotated[
        Words,
        doc(
            "Python packages that must be installed before anything is built, e.g."
            " setuptools==57.5.0. The lock is made from them, too."
        ),
    ] = ()
    no_deps: Annotated[
        bool | Words,
        doc(
            "Requirements to take without their own dependencies, by name, where upstream's"
            " conflict, e.g. [imgaug]; true: all of them. What is really needed of those must then"
            " be in `requirements`."
        ),
    ] = ()
    lock: Annotated[
        str | None,
        doc(
            "Lock file beside the recipe: every package with version and hashes. `mrbench lock`"
            " writes it. Several recipes may name the same file."
        ),
    ] = None
    index: Annotated[
        str | None,
        doc(
            "Package index to ask before PyPI (or MRBENCH_INDEX), an https or file URL, e.g."
            " https://download.pytorch.org/whl/cpu. A package that it has is taken from there only."
        ),
    ] = None
    find_links: Annotated[
        Words,
        doc("Pages or folders that list wheels, as https or file URLs, e.g. file:///data/wheels."),
    ] = ()
    packages: Annotated[
        tuple[Package, ...], doc("Python packages to build from repositories instead of an index.")
    ] = ()
    supplied: Annotated[
        Words,
        doc(
            "Requirements that are on no index and hence in no lock: their wheels come from a"
            " folder of wheels, e.g. a mirror's."
        ),
    ] = ()
    build: Annotated[
        tuple[Step, ...],
        doc(
            "Commands that compile the checkout, run in it, e.g. '{python} setup.py build_ext"
            " --inplace'."
        ),
    ] = ()
    probe: Annotated[
        Words, doc("Modules that must import once everything is installed, e.g. torch.")
    ] = ()
    system: Annotated[
        Words,
        doc(
            "What the machine itself must have, in words, e.g. 'g++ 4.9 to 8'. `mrbench doctor`"
            " looks for the programs and libraries that it recognizes."
        ),
    ] = ()
    image: Annotated[
        str | None,
        doc(
            "Container image to train in: a tag with its digest, e.g."
            " pytorch/pytorch:1.3-cuda10.1-cudnn7-devel@sha256:... ."
        ),
    ] = None


class SyntheticData(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A COCO-format dataset that mrbench draws itself: of one size, or as COCO's images are."""

    LATER: ClassVar[Mapping[str, Any]] = {"width": None, "height": None, "like": None}

    images: Annotated[int, doc("Number of training images, at least 2; an eighth as many to test.")]
    width: Annotated[int | None, doc("Width of an image in pixels, 32 to 8192; not with like.")] = (
        None
    )
    height: Annotated[
        int | None, doc("Height of an image in pixels, 32 to 8192; not with like.")
    ] = None
    like: Annotated[
        Literal["coco"] | None,
        doc(
            "coco: sizes, objects, outlines and bytes of an image as COCO's. Default: images of"
            " width and height, with 3 to 8 simple shapes."
        ),
    ] = None
    seed: Annotated[
        int, doc("Seed of the random numbers: the same seed draws the same images.")
    ] = 0

    def __post_init__(self) -> None:
        """Refuse half a size, or two ways to say it."""
        sides = (self.width, self.height)
        if (None in sides) if self.like is None else any(side is not None for side in sides):
            raise ValueError("give either width and height, or like")

    @property
    def kind(self) -> str:
        """How large the images are, in words."""
        if self.like is not None:
            return "of COCO's sizes"
        return f"of {self.width}x{self.height}"


class WeightsFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of pretrained weights: its name under the weights folder, and where to get it."""

    file: Annotated[str, doc("Path below the weights folder, e.g. detectron2/R-50.pkl.")]
    url: Annotated[str, doc("URL to download from: https or file; http is asked by https.")]
    other_urls: Annotated[
        Words, doc("More URLs of the same file, tried in turn if the first fails.")
    ] = ()
    size_bytes: Annotated[Count | None, doc("Size of the file in bytes, if known.")] = None
    md5: Annotated[str | None, doc("Published MD5 digest in hex, 32 digits.")] = None
    sha256: Annotated[str | None, doc("Published SHA-256 digest in hex, 64 digits.")] = None
    sha256_prefix: Annotated[
        str | None, doc("The first digits of the SHA-256 digest, where no more is published.")
    ] = None
    link: Annotated[
        str | None, doc("Path in the checkout where a link to the file is made, if needed.")
    ] = None


def as_source(package: Package) -> Source:
    """Return what a package is built from as a source."""
    return Source(
        url=package.url,
        commit=package.commit,
        package=package.package,
        sha256=package.sha256,
        tree=package.tree,
        substitutions=package.substitutions,
    )
