"""A registration: which runs will be made and how they will be judged, fixed beforehand; no I/O."""

from typing import Annotated

import msgspec
from msgspec import Meta

from mrbench.model.doc import doc
from mrbench.model.plan import Plan

FORMAT = 1


class Registered(msgspec.Struct, frozen=True, kw_only=True):
    """What a run has of the registration that it is bound to."""

    digest: Annotated[str, doc("Digest of the registration.")]
    repeat: Annotated[int, Meta(ge=1, description="How many runs of each plan it has.")]
    aggregation: Annotated[str, doc("How their number is made: mean, or mlperf:N.")]
    margin: Annotated[float, doc("Difference that is to count, a share.")]


class Registration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `mrbench register` writes."""

    format: Annotated[int, doc(f"Version of this format, {FORMAT} today.")]
    mrbench: Annotated[str, doc("Version of mrbench that wrote it.")]
    registered: Annotated[str, doc("UTC time.")]
    repeat: Annotated[int, Meta(ge=1, description="How many runs of each plan will be made.")]
    aggregation: Annotated[str, doc("How a number is made of them.")]
    margin: Annotated[float, doc("Difference that is to count, a share.")]
    plans: Annotated[tuple[Plan, ...], Meta(min_length=1, description="What will be run.")]
    digest: Annotated[str, doc("SHA-256 of all of the above.")] = ""

    @property
    def terms(self) -> Registered:
        """What its runs have of it."""
        return Registered(
            digest=self.digest,
            repeat=self.repeat,
            aggregation=self.aggregation,
            margin=self.margin,
        )

    def plain(self) -> dict[str, object]:
        """Return all of it as JSON holds it."""
        content = {name: getattr(self, name) for name in self.__struct_fields__}
        return content | {"plans": [plan.plain() for plan in self.plans]}
