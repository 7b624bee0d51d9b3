"""What is signed of a run: an in-toto statement on its archive, with the essentials; no I/O."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

UTC = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z\Z"
ESSENTIALS = (
    *("id", "plan.suite", "plan.implementation", "plan.parameters", "plan.source.commit"),
    *("plan.source.sha256", "workspace.tree", "measurement.throughput", "measurement.unit"),
    *("measurement.interval", "validity.verdict", "plan.gpus", "plan.nodes", "machine.gpus"),
    *("machine.cpu", "machine.cpu_count", "ledger", "packed.record.digest", "packed.of_plan"),
)


class Essentials(Struct, frozen=True, kw_only=True):
    """What a signer vouches for. record: values of record.json by their keys there, or null."""

    signed: Annotated[str, Meta(pattern=UTC)]  # by the signer's clock
    record: Mapping[str, Any]


class Subject(Struct, frozen=True, kw_only=True):
    """The archive. digest: by algorithm; sha256 counts."""

    digest: Mapping[str, str]
    name: str = ""


class Statement(Struct, frozen=True, kw_only=True):
    """https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md."""

    subject: tuple[Subject, ...]
    predicate: Essentials
    type: Literal["https://in-toto.io/Statement/v1"] = field(name="_type")
    kind: Literal["urn:mrbench:run:v1"] = field(name="predicateType")
