"""The page of the results repository that this project keeps, by `mrbench results build`."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from mrbench.results.repository.site import build
from pages import ROOT


def files() -> Mapping[str, bytes]:
    """Return what the page consists of, by its place in the site."""
    with tempfile.TemporaryDirectory() as folder:
        build(ROOT / "tests" / "kept" / "results", Path(folder))
        made = (path for path in Path(folder).rglob("*") if path.is_file())
        return {f"kept-results/{p.relative_to(folder).as_posix()}": p.read_bytes() for p in made}
