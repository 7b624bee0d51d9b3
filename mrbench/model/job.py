"""The nouns of preparation: the job that an executor starts, and what was made for it; no I/O."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec

from mrbench.model.doc import doc
from mrbench.model.inputs import Environment
from mrbench.model.run import Status
from mrbench.text import first_few

FEW = 6  # packages that a line names


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A command with nothing left to fill in but {port}, for an executor.

    image: the id of the container image that its argv belongs to; None: this machine. read_only and
    writable: the folders that it needs, which a container must be given. inherit: names of the
    caller's variables that it gets beyond the usual (prepare.inherited).
    """

    argv: tuple[str, ...]
    directory: Path
    variables: Mapping[str, str]
    terminal: bool
    wall_clock_limit_s: float
    stall_limit_s: float
    gpus: int = 0
    image: str | None = None
    read_only: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    inherit: tuple[str, ...] = ()


class Workspace(msgspec.Struct, frozen=True, kw_only=True):
    """A checkout with patches applied."""

    path: Annotated[Path, doc("Folder of the checkout.")]
    commit: Annotated[str, doc("Commit that was checked out.")]
    tree: Annotated[str, doc("Git tree id with the patches applied.")]
    base_tree: Annotated[str, doc("Git tree id of the commit, without patches.")]
    fetched_bytes: Annotated[int, doc("Bytes by which the object store grew for it.")]
    reused: Annotated[bool, doc("Whether it was there already.")]


class OtherVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A package, or Python itself, of another version than the lock's."""

    name: Annotated[str, doc("Name of the package, or Python.")]
    locked: Annotated[str, doc("Version that the recipe's lock has.")]
    installed: Annotated[str, doc("Version that trained.")]

    def __str__(self) -> str:
        """Return it as people read it."""
        return f"{self.name} {self.installed} instead of {self.locked}"


class LockDifference(msgspec.Struct, frozen=True, kw_only=True):
    """In what the user's own interpreter differs from the recipe's lock."""

    same: Annotated[int, doc("Packages of the lock's version.")]
    other: Annotated[tuple[OtherVersion, ...], doc("Packages of another version.")] = ()
    missing: Annotated[tuple[str, ...], doc("Packages of the lock that are not installed.")] = ()

    def __str__(self) -> str:
        """Return it in one line; of many packages the first are named."""
        parts = []
        if self.other:
            parts.append(
                f"{len(self.other)} not as locked: {first_few(list(map(str, self.other)), FEW)}"
            )
        if self.missing:
            parts.append(f"{len(self.missing)} not installed: {first_few(self.missing, FEW)}")
        return "; ".join([*parts, f"{self.same} as locked"])


class BuiltPackage(msgspec.Struct, frozen=True, kw_only=True):
    """A package that was built from its source for an environment."""

    source: Annotated[str, doc("Repository's URL, or a package with its version.")]
    revision: Annotated[str, doc("Commit, or SHA-256 of the package's file.")]
    tree: Annotated[str, doc("Git tree id of the source, changed as the recipe says.")]
    wheel: Annotated[str, doc("Name of the wheel that was built.")]
    sha256: Annotated[str, doc("SHA-256 of that wheel.")]
    variables: Annotated[
        Mapping[str, str], doc("Variables that the recipe sets for the build.")
    ] = {}
    built_in_s: Annotated[float | None, doc("Seconds that building it took.")] = None
    reused: Annotated[bool, doc("Whether the wheel was there when the environment was made.")] = (
        False
    )


class UsableEnvironment(msgspec.Struct, frozen=True, kw_only=True):
    """An environment that was made."""

    python: Annotated[Path, doc("Path of the interpreter.")]
    template: Annotated[Path, doc("Folder of the source that runs are copied from.")]
    digest: Annotated[str, doc("Name of the environment: SHA-256 of all that decides it.")]
    frozen: Annotated[
        tuple[str, ...], doc("Installed packages with their versions, as pip freeze lists them.")
    ]
    reused: Annotated[bool, doc("Whether it was there already.")]
    interpreter: Annotated[
        str | None, doc("Implementation, version and build of the interpreter; null: an image's.")
    ] = None
    built_with: Annotated[
        Mapping[str, str] | None, doc("The caller's variables that compilers were given, if any.")
    ] = None
    built: Annotated[
        tuple[BuiltPackage, ...],
        doc("Packages that were built from sources for it, and from what."),
    ] = ()
    made_in_s: Annotated[float | None, doc("Seconds that making it took.")] = None
    size_bytes: Annotated[int | None, doc("Size on disk in bytes.")] = None
    image: Annotated[
        str | None,
        doc(
            "Id of the container image that holds the interpreter; null: it is on the machine"
            " itself."
        ),
    ] = None
    lock_difference: Annotated[
        LockDifference | None,
        doc(
            "With --environment: in what it differs from the recipe's lock; null: it is the"
            " recipe's own environment."
        ),
    ] = None


class UsedWeights(msgspec.Struct, frozen=True, kw_only=True):
    """A file of weights that a run trained from."""

    file: Annotated[str, doc("Path below the weights folder.")]
    path: Annotated[str, doc("Path on this machine.")]
    url: Annotated[str, doc("URL that the recipe names.")]
    size_bytes: Annotated[int, doc("Size in bytes.")]
    sha256: Annotated[str, doc("SHA-256 of the file.")]
    checked_by: Annotated[str, doc("Published digest that agreed, or first seen.")]


class ConvertedData(msgspec.Struct, frozen=True, kw_only=True):
    """The dataset in another format, as the steps of data.converted made it."""

    path: Annotated[Path, doc("Folder of what was made.")]
    digest: Annotated[
        str,
        doc(
            "SHA-256 of all that decides it: source, environment, steps, and path, size and time of"
            " change of each file of the data."
        ),
    ]
    reused: Annotated[bool, doc("Whether it was there already.")]
    made_in_s: Annotated[float, doc("Seconds that making it took.")]
    files: Annotated[int, doc("Number of files.")]
    size_bytes: Annotated[int, doc("Size of all files in bytes.")]


class EnvironmentRequest(NamedTuple):
    """An environment that a run asks for.

    packages: called if needed, returns the checkouts of env.packages. wheels: a folder to install
    from, and from nowhere else. own: take the user's interpreter in place of the lock: python, or
    else mrbench's own.
    """

    env: Environment
    checkout: Path
    tree: str
    progress: Callable[[str], None]
    lock: bytes | None = None
    packages: Callable[[], Sequence[Workspace]] = list
    wheels: Path | None = None
    own: bool = False
    python: Path | None = None


class PreparedRun(msgspec.Struct, frozen=True, kw_only=True):
    """All that exists before the launch; folder: the run's scratch folder."""

    workspace: Workspace
    environment: UsableEnvironment
    folder: Path
    job: Job
    weights: tuple[UsedWeights, ...]
    data_images: int | None = None
    converted: ConvertedData | None = None


class RunError(msgspec.Struct, frozen=True, kw_only=True):
    """Why a run has no number where no log of its training tells: before it, or beside it."""

    reason: str
    exit_code: int
    status: Status = "failed"
