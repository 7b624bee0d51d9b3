"""What is signed of a run: an in-toto statement on its archive, with the essentials; no I/O."""

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from mrbench.model.ledger import LedgerPlace, PlanRuns
from mrbench.model.measurement import Interval
from mrbench.model.record import Verdict
from mrbench.model.work import Unit

UTC = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z\Z"


class Essentials(Struct, frozen=True, kw_only=True):
    """What a signer vouches for; null: unknown, or the run has none.

    source: commit, or SHA-256 of a package. gpus: of all machines, counted by name. cpus: a
    machine's logical processors, by the processor's name. of_plan: as of packing.
    """

    signed: Annotated[str, Meta(pattern=UTC)]  # by the signer's clock
    run: str
    record: str  # digest of the run's own record
    suite: str
    implementation: str
    label: str
    source: str
    tree: str | None
    throughput: float | None
    unit: Unit
    interval: Interval | None
    verdict: Verdict | None
    devices: int
    nodes: int
    gpus: Mapping[str, int]
    cpus: Mapping[str, int | None]
    ledger: LedgerPlace | None  # and the registration
    of_plan: PlanRuns | None


class Subject(Struct, frozen=True, kw_only=True):
    """The archive. digest: by algorithm; sha256 counts."""

    digest: Mapping[str, str]
    name: str = ""


class Statement(Struct, frozen=True, kw_only=True):
    """https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md."""

    type: Literal["https://in-toto.io/Statement/v1"] = field(name="_type")
    subject: tuple[Subject, ...]
    kind: Literal["urn:mrbench:run:v1"] = field(name="predicateType")
    predicate: Essentials
