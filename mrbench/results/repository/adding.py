"""`mrbench results init` and `add`: what is laid into a results repository."""

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from mrbench import __version__, files
from mrbench.errors import CheckFailed, MrbenchError
from mrbench.model.record import Packed
from mrbench.prepare.source.git import git
from mrbench.prepare.source.here import top_of
from mrbench.record import registration, rundir
from mrbench.record.archive import opened
from mrbench.record.pack import pack
from mrbench.record.signature import beside, sign
from mrbench.record.verify import verify
from mrbench.results.repository import layout
from mrbench.results.repository.layout import LEFT_OUT, REGISTRATIONS, SIGNERS, place

WORKFLOW = ".github/workflows/results.yml"
FIRST = {
    "README.md": """\
# Results

Archives of benchmark runs by `mrbench`, each checked by `mrbench results check`. To add a run, open
a pull request with what `mrbench results add RUN` puts here.
""",
    SIGNERS: '# NAME namespaces="mrbench" ssh-ed25519 AAAA...: whose signatures count\n',
    ".gitignore": "site/\n",
    ".gitattributes": "* -text\n",  # no line of an archive or a signature is to be converted
}


def init(root: Path) -> Iterator[Path]:
    """Make a results repository, in a git repository of its own unless it lies in one.

    Yields the files that it makes; those that are there already are left as they are.
    """
    root.mkdir(parents=True, exist_ok=True)
    root = files.real_path(root)
    top = top_of(root)
    if top is None:
        top = root
        git(top / ".git", "init", "--quiet", "--template=", "--initial-branch=main")
    text = Path(__file__).with_name("workflow.yml").read_text().replace("@VERSION@", __version__)
    text = text.replace('"@DIR@"', json.dumps(root.relative_to(top).as_posix()))
    made = {root / name: content for name, content in FIRST.items()} | {top / WORKFLOW: text}
    for path, content in made.items():
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            files.write_whole(path, content.encode())
            yield path


def add(
    name: str, runs: Path, root: Path, key: Path | None, *, signed: bool
) -> tuple[Sequence[str], Packed | None]:
    """Add a registration's .json, or a run: pack it, or take its archive, and sign that if wanted.

    key: as for `sign`; without one a signature beside an archive comes along. Returns the names of
    the files there, and of a run what was masked. MrbenchError where the run is there already, or
    its registration is not.
    """
    if name.endswith(".json"):
        return _lay({_registered(registration.read(Path(name)).digest): Path(name)}, root), None
    with opened(name, runs) as run, tempfile.TemporaryDirectory(prefix="mrbench-") as folder:
        record = rundir.load(run.folder.record, run.record_name)
        to = Path(place(record, rundir.describe(run.folder.record).sha256))
        if (root / to).exists():
            raise MrbenchError("is there already: the same run", "nothing to do", file=root / to)
        bound = record.ledger.registered if record.ledger else None
        if bound and not (root / _registered(bound.digest)).exists():
            text = f"{run.called}: its registration {bound.digest[:16]} is not there"
            raise MrbenchError(text, "add its file, commit and publish that, then add the run")
        archive, packed = Path(folder) / to.name, record.packed
        if run.is_archive:
            if packed is None or verify(run, LEFT_OUT).exit_code:
                raise CheckFailed("is not as packed", "`mrbench verify` tells all", file=name)
            shutil.copyfile(name, archive)
            for source, target in zip(beside(Path(name)), beside(archive), strict=True):
                if source.exists() and key is None:
                    shutil.copyfile(source, target)
        else:
            packed = pack(run, archive).packed
        if signed and not beside(archive)[0].exists():
            sign(archive, key)
        parts = {f"{to.parent}/{p.name}": p for p in sorted(Path(folder).iterdir())}
        return _lay(parts, root), packed


def _registered(digest: str) -> str:
    return f"{REGISTRATIONS}/{digest[:16]}.json"


def _lay(sources: Mapping[str, Path], root: Path) -> Sequence[str]:
    """Copy files to their names in a results repository, and add them to git's index."""
    top = layout.top_of(root)
    paths = {files.real_path(root / name): source for name, source in sources.items()}
    for path in paths:
        if path.exists() or not path.is_relative_to(files.real_path(root)):
            text = "is there already" if path.exists() else "is behind a link"
            raise MrbenchError(text, "nothing was added", file=path)
    for path, source in paths.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_whole(path, source.read_bytes())
    git(top / ".git", "add", "--force", "--", *map(str, paths), tree=top)
    return list(sources)
