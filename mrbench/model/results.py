"""results.json, which `mrbench results build` writes for other pages; no I/O."""

from typing import Annotated, Literal

from msgspec import Struct

from mrbench.model.doc import doc
from mrbench.model.table import TableRow
from mrbench.model.work import Unit

Level = Literal["self-reported", "recomputed", "reproduced"]


class PublishedRun(Struct, frozen=True, kw_only=True):
    """A run of a results repository."""

    archive: Annotated[str, doc("Path of its archive, from the page.")]
    sha256: Annotated[str, doc("SHA-256 of the archive.")]
    signer: Annotated[str | None, doc("Who signed it, by allowed_signers; null: unsigned.")]
    recomputed: Annotated[bool, doc("Whether its log yielded the recorded number again.")]
    label: Annotated[str, doc("The implementation, with settings if it has any.")]
    started: Annotated[str, doc("UTC time of its start.")]
    throughput: Annotated[float | None, doc("Its number; null unless it counts.")]
    why_not: Annotated[str, doc("Why it does not count; else empty.")]
    commit: Annotated[str, doc("Commit, or SHA-256 of a package, that was trained.")]
    versions: Annotated[str, doc("Versions of mrbench, the framework and the GPUs' driver.")]
    machine: Annotated[int, doc("Number of its machine among those of the leaderboard.")]


class PublishedRow(Struct, frozen=True, kw_only=True):
    """A row of a leaderboard."""

    row: Annotated[TableRow, doc("As `mrbench table --format json` has it.")]
    level: Annotated[Level, doc("What was done to check the number.")]
    why: Annotated[str, doc("What the level follows from, or why it is no higher.")]
    signer: Annotated[str | None, doc("Who signed all of its runs.")]
    archives: Annotated[tuple[str, ...], doc("Those of its runs, oldest first.")]
    versions: Annotated[str, doc("Those of its newest run.")]
    command: Annotated[str, doc("What repeats it.")]


class Leaderboard(Struct, frozen=True, kw_only=True):
    """The rows of a suite on one kind of hardware, and all runs there."""

    suite: Annotated[str, doc("Name of the suite.")]
    hardware: Annotated[str, doc("Name of the hardware, as folders have it.")]
    unit: Annotated[Unit, doc("What throughputs count.")]
    ordered: Annotated[bool, doc("Whether rows have an order: the fastest first, else by name.")]
    rows: Annotated[tuple[PublishedRow, ...], doc("As tables have them.")]
    runs: Annotated[tuple[PublishedRun, ...], doc("Oldest first.")]


class NotShown(Struct, frozen=True, kw_only=True):
    """An archive whose number is not shown."""

    archive: Annotated[str, doc("Its path in the repository.")]
    why: Annotated[str, doc("Why not, in one line.")]


class PublishedResults(Struct, frozen=True, kw_only=True):
    """All of results.json."""

    format: Annotated[int, doc("Version of this format, 1 today.")] = 1
    mrbench: Annotated[str, doc("Version of mrbench that built it.")]
    leaderboards: Annotated[tuple[Leaderboard, ...], doc("By suite, hardware and unit.")]
    not_shown: Annotated[tuple[NotShown, ...], doc("Archives that are not as recorded.")]
