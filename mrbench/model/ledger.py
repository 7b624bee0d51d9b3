"""The ledger of a folder of runs: its entries, a run's place in it, what became of runs; no I/O."""

from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from mrbench.model.doc import doc
from mrbench.model.registration import Registered
from mrbench.model.run import Status
from mrbench.text import counted

Kind = Literal["began", "ended", "removed"]


class LedgerPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where a run stands in the ledger: the entry that was written before its training started."""

    position: Annotated[int, Meta(ge=1, description="Number of that entry, from 1.")]
    digest: Annotated[str, doc("Digest of that entry, on which all later ones build.")]
    registered: Annotated[
        Registered | None, doc("The registration that the run is bound to, if any.")
    ] = None


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of ledger.jsonl. digest: SHA-256 of its other keys, as records have theirs."""

    position: Annotated[int, Meta(ge=1)]
    before: str  # digest of the entry before it, empty for the first one
    at: str  # UTC time
    kind: Kind
    digest: str
    run: str  # its id
    plan: str  # digest
    status: Status | None = None  # how it ended
    verdict: str | None = None
    record: str | None = None  # digest
    registered: str | None = None  # digest of a registration


class PlanRuns(msgspec.Struct, frozen=True, kw_only=True):
    """What became of all runs of one plan that a ledger has."""

    became: Annotated[
        Mapping[str, tuple[str, ...]],
        doc("Ids of the runs, by what became of them: valid, invalid, failed, ..."),
    ]
    registered: Annotated[
        Mapping[str, tuple[str, ...]],
        doc("Ids of those that were begun under a registration, by its digest."),
    ] = {}

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(map(len, self.became.values()))

    def __str__(self) -> str:
        """Return `5 runs of its plan in the ledger: 3 valid, 1 failed, 1 removed`."""
        parts = ", ".join(f"{len(names)} {what}" for what, names in self.became.items())
        return f"{counted(self.count, 'run')} of its plan in the ledger: {parts}"
