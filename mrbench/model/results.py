"""results.json, which `mrbench results build` writes for other pages; no I/O."""

from collections.abc import Mapping
from typing import Annotated

from msgspec import Struct

from mrbench.model.doc import doc
from mrbench.model.table import TableRow


class PublishedResults(Struct, frozen=True, kw_only=True):
    """All of results.json."""

    format: Annotated[int, doc("Version of this format, 1 today.")] = 1
    mrbench: Annotated[str, doc("Version of mrbench that built it.")]
    rows: Annotated[
        tuple[TableRow, ...], doc("Leaderboards, one behind the other; folders are archives.")
    ]
    archives: Annotated[Mapping[str, str], doc("SHA-256 of each archive that counts, by path.")]
    not_shown: Annotated[Mapping[str, str], doc("Why an archive is not shown, by path.")]
