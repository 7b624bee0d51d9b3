"""A registration: which runs will be made and how they will be judged, fixed beforehand; no I/O."""

from typing import Annotated

import msgspec
from msgspec import Meta

from mrbench.model.doc import doc
from mrbench.model.plan import Plan

FORMAT = 1
# as --aggregate has it: without the fastest and the slowest of a set, one is left
AGGREGATION = "^(mean|mlperf:([3-9]|[1-9][0-9]{1,3}))$"


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """What a run has of the registration that it is bound to."""

    digest: Annotated[str, doc("Digest of the registration.")]
    repeat: Annotated[int, Meta(ge=1, description="How many runs of each plan it has.")]
    aggregation: Annotated[
        str, Meta(pattern=AGGREGATION, description="How their number is made: mean, or mlperf:N.")
    ]
    margin: Annotated[float, doc("Difference that is to count, a share.")]


class Registration(Registered, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `mrbench register` writes; its digest is the SHA-256 of all else."""

    format: Annotated[int, doc(f"Version of this format, {FORMAT} today.")]
    mrbench: Annotated[str, doc("Version of mrbench that wrote it.")]
    registered: Annotated[str, doc("UTC time.")]
    plans: Annotated[tuple[Plan, ...], Meta(min_length=1, description="What will be run.")]

    @property
    def terms(self) -> Registered:
        """What its runs have of it."""
        return msgspec.convert(self, Registered, from_attributes=True)
