"""One bare object store per upstream, into which only the pinned commit is fetched.

A pin (refs/pins/<commit>) exists once the commit and its trees are there; blobs that a recipe does
not name may be missing. All of it happens under a lock, so whatever git left half-made is stale.
"""

import contextlib
import re
import shlex
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec

from mrbench import locks
from mrbench.errors import UnavailableError, WorkspaceError
from mrbench.files import home, write_whole
from mrbench.model.inputs import PACKAGE, Source
from mrbench.prepare.source import address, embedded, packaged
from mrbench.prepare.source.git import GitError, git, meaningful, objects
from mrbench.prepare.source.tree import UnreachableError, framed, repository_name
from mrbench.text import shorten

if TYPE_CHECKING:
    from mrbench.prepare.source.git import IndexObject

ALL = (1 << 31) - 1  # commits; what git itself takes for infinite
REMOTE = "mrbench-upstream"  # no name that a user's configuration could have settings for
# What a mirror's own configuration need not allow: it is ours to read, and maybe another user's.
SERVE_LOCAL = (
    "git -c uploadpack.allowFilter=true -c uploadpack.allowAnySHA1InWant=true"
    f" -c {shlex.quote('safe.directory=*')} upload-pack"
)
ABSENT = re.compile(r"not our ref|couldn't find remote ref|not a valid (?:object|SHA1)|bad object")
WANTS_REFS = re.compile(r"unadvertised object|does not support shallow|dumb http", re.IGNORECASE)
NO_REPOSITORY = re.compile(
    r"not found|does not appear to be a git repository|terminal prompts disabled|"
    r"could not read Username|Authentication failed|Permission denied|no such repository",
    re.IGNORECASE,
)
UNREACHABLE = re.compile(
    r"could ?n.t resolve|could not resolve|connection (?:refused|timed out|reset)|"
    r"(?:couldn't|failed to) connect|unable to access|network is unreachable|timed out|"
    r"operation too slow|transport '\w+' not allowed|took longer than",
    re.IGNORECASE,
)
# The line that names what is missing: the programs of the other side print in any order.
MISSING = re.compile(r"^.*(?:unable to read [0-9a-f]{40}|missing blob).*$", re.MULTILINE)
INCOMPLETE = re.compile(r"unable to read [0-9a-f]{40}|corruption on the remote side|missing blob")
# Of a tree: git's own folder by its names on all systems, and what leads out of the checkout.
ODD = re.compile(r"(?:^|/)(?:\.git|git~\d+|\.{0,2})(?:/|$)", re.IGNORECASE)
NO_SPACE = re.compile(
    r"^.*(?:no space left|file too large|disk quota|unable to (?:write|create)|write error).*$",
    re.IGNORECASE | re.MULTILINE,
)
Say = Callable[[str], None]


@contextlib.contextmanager
def locked(store: Path, say: Say) -> Iterator[int]:
    """Hold the store for ourselves; yields the open lock file."""
    store.parent.mkdir(parents=True, exist_ok=True)
    with locks.hold(Path(f"{store}.lock"), f"the store of {store.stem}", say) as lock:
        yield lock


def ensure(store: Path, source: Source, mirror: str | None, say: Say, lock: int) -> None:
    """Have the commit, its trees, and the blobs under source.paths in the store."""
    _clean(store)
    if not (store / "HEAD").exists():
        store.mkdir(parents=True, exist_ok=True)
        git(store, "init", "--quiet", "--bare", "--template=", lock=lock)
    if source.package:
        if not _pin(store, source).exists():
            say(f"fetching {source.package} from the package index")
            _write(store, source, *packaged.objects(source, mirror))
        missing_blobs(store, with_commit(store, source), lock)  # refuses what is not checked out
        return
    if source.url.startswith(PACKAGE):
        _materialise(store, source)
        return
    if not _pin(store, source).exists():
        urls = address.candidates(source.url, mirror)
        say(f"fetching {repository_name(source.url)} at {source.commit[:12]}")
        words = ("--depth=1", *(("--filter=blob:none",) if source.paths else ()))
        _first_that_answers(
            urls, source, lambda url: _fetch_commit(store, source, url, lock, *words)
        )
    missing = missing_blobs(store, source, lock)
    if missing:
        urls = address.candidates(source.url, mirror)
        say(f"fetching {len(missing)} files of {repository_name(source.url)}")
        _first_that_answers(urls, source, lambda url: _fetch_blobs(store, url, missing, lock))


def with_commit(store: Path, source: Source) -> Source:
    """Return the source with the commit that the store made of a package; others stay."""
    if not source.package:
        return source
    return msgspec.structs.replace(source, commit=_pin(store, source).read_text().strip())


def size_bytes(store: Path) -> int:
    """Return how much the objects take on disk."""
    return sum(p.stat().st_size for p in (store / "objects").rglob("*") if p.is_file())


def missing_blobs(store: Path, source: Source, lock: int) -> list[str]:
    """Return the blobs under source.paths that are not in the store."""
    _require_plain_paths(store, source, lock)
    listing = git(
        *(store, "rev-list", "--objects", "--no-object-names", "--missing=print"),
        *("--max-count=1", source.commit),
        lock=lock,
    )
    missing = {line[1:] for line in listing.decode().splitlines() if line.startswith("?")}
    needed, unknown = set(), {path.strip("/") for path in source.paths}
    with objects(store) as repository:
        below = repository.commit(source.commit).tree.traverse()
        for entry in cast("Iterator[IndexObject]", below):
            named = {p for p in source.paths if f"{entry.path}/".startswith(f"{p.strip('/')}/")}
            unknown -= {p.strip("/") for p in named}
            if named or not source.paths:
                needed.add(entry.hexsha)
    if unknown:
        names = ", ".join(sorted(unknown))
        raise WorkspaceError(f"source.paths: {source.upstream} has no {names} at {source.revision}")
    return sorted(missing & needed)


def _require_plain_paths(store: Path, source: Source, lock: int) -> None:
    """Refuse a commit with a path that git does not check out, as it would lead elsewhere."""
    words = ("ls-tree", "-r", "-t", "-z", "--name-only", source.commit)
    paths = git(store, *words, lock=lock).decode("utf-8", "replace").split("\0")[:-1]
    odd = next((path for path in paths if ODD.search(path)), None)
    if odd is not None:
        raise WorkspaceError(
            f"{source.upstream} at {source.revision[:12]} holds {shorten(odd)!r}, which git does"
            " not check out",
            "pin another one",
        )


def _pin(store: Path, source: Source) -> Path:
    return store / "refs" / "pins" / source.revision


def _clean(store: Path) -> None:
    """Remove what a killed git left: locks that nobody holds, and halves of packs."""
    if store.is_dir():
        for path in (*store.rglob("*.lock"), *store.glob("objects/**/tmp_*")):
            path.unlink(missing_ok=True)


def _fetch(store: Path, url: str, lock: int | None, *words: str, stdin: bytes = b"") -> None:
    scheme = url.partition("://")[0]
    served = ("--upload-pack", SERVE_LOCAL) if scheme == "file" else ()
    options = ("--quiet", "--no-tags", "--no-recurse-submodules", *served)
    protocols = "https:ssh:file:http" if scheme == "http" else "https:ssh:file"
    git(
        *(store, "fetch", *options, *words),
        stdin=stdin,
        config=(
            f"remote.{REMOTE}.url={url}",
            "fetch.negotiationAlgorithm=noop",
            "fetch.unpackLimit=1",  # a pack, however small: mirrors are copied file by file
        ),
        protocols=protocols,
        lock=lock,
    )


def _fetch_commit(store: Path, source: Source, url: str, lock: int | None, *words: str) -> None:
    pin = f"refs/pins/{source.commit}"
    try:
        _fetch(store, url, lock, *words, REMOTE, f"+{source.commit}:{pin}")
    except GitError as exc:
        if not WANTS_REFS.search(exc.stderr):
            raise
        # An old server gives only what its branches and tags name: take all, at the same commit.
        heads = ("+refs/heads/*:refs/upstream/heads/*", "+refs/tags/*:refs/upstream/tags/*")
        _fetch(store, url, lock, REMOTE, *heads)
        git(store, "update-ref", pin, f"{source.commit}^{{commit}}", lock=lock)
    with objects(store) as repository:
        kind = repository.odb.info(bytes.fromhex(source.commit)).type.decode()
    if kind != "commit":
        git(store, "update-ref", "-d", pin, lock=lock)
        raise WorkspaceError(f"{source.commit} is a {kind} in {source.url}", "give a commit's id")


def fetch_history(store: Path, source: Source, mirror: str | None) -> None:
    """Fetch a commit and all that lead to it, without their files, into a new repository."""
    git(store, "init", "--quiet", "--bare", "--template=")
    # a depth, lest git look for the ancestors that a shallow upstream lacks: it never ends
    words = ("--filter=tree:0", f"--depth={ALL}")
    urls = address.candidates(source.url, mirror)
    _first_that_answers(urls, source, lambda url: _fetch_commit(store, source, url, None, *words))


def _fetch_blobs(store: Path, url: str, blobs: list[str], lock: int) -> None:
    lines = "".join(f"{oid}\n" for oid in blobs).encode()
    _fetch(store, url, lock, "--filter=blob:none", "--stdin", REMOTE, stdin=lines)


def _first_that_answers(
    urls: tuple[str, ...], source: Source, fetch: Callable[[str], None]
) -> None:
    for url in urls:
        try:
            fetch(url)
        except GitError as exc:
            if url != urls[-1] and NO_REPOSITORY.search(exc.stderr):
                continue
            raise _explained(url, source, exc) from exc
        return


def _explained(url: str, source: Source, failed: GitError) -> WorkspaceError:
    reason = meaningful(failed.stderr)
    full = NO_SPACE.search(failed.stderr)
    if full:
        return no_room(full.group())
    error: type[WorkspaceError] = WorkspaceError
    if ABSENT.search(failed.stderr):
        text = f"{url} has no commit {source.commit}"
        remedy = "check source.commit, or whether the mirror is up to date"
    elif INCOMPLETE.search(failed.stderr):
        missing = MISSING.search(failed.stderr)
        what = meaningful(missing.group()) if missing else reason
        text = f"{url} lacks part of commit {source.commit} ({what})"
        remedy = "name another copy with --mirror, or in source.paths the folders that are needed"
    elif NO_REPOSITORY.search(failed.stderr):
        text = f"{url}: no such repository, or not for everybody ({reason})"
        remedy = "check source.url, or name a copy with --mirror"
    elif UNREACHABLE.search(failed.stderr):
        error, text = UnreachableError, f"{url} cannot be reached ({reason})"
        remedy = "check the network, or name a copy with --mirror"
    else:
        error, text = UnreachableError, f"{url}: git fetch failed ({reason})"
        remedy = "run again, or name another copy with --mirror"
    return error(text, remedy)


class NoRoomError(WorkspaceError):
    """The disk of the caches is full or cannot be written, which says nothing of the recipe."""

    exit_code = UnavailableError.exit_code


def no_room(message: str) -> NoRoomError:
    """Return the error with what to do."""
    remedy = "make room there, or set MRBENCH_HOME to a folder that can be written"
    return NoRoomError(message, remedy, file=home())


def _materialise(store: Path, source: Source) -> None:
    """Write an embedded implementation's objects."""
    carried, objects = embedded.objects(source.url.removeprefix(PACKAGE))
    if carried != source.commit:
        raise WorkspaceError(
            f"{source.url}: this mrbench carries commit {carried}, not {source.commit}",
            "pin that one, or install the mrbench that belongs to the recipe",
        )
    _write(store, source, carried, objects)


def _write(store: Path, source: Source, commit: str, objects: embedded.Objects) -> None:
    """Write the objects of a repository that mrbench makes itself; the pin comes last."""
    for oid, (kind, content) in objects.items():
        place = store / "objects" / oid[:2] / oid[2:]
        if not place.exists():
            place.parent.mkdir(exist_ok=True)
            beside = place.with_name(f"tmp_{oid}")
            beside.write_bytes(zlib.compress(framed(kind, content)))
            beside.replace(place)
    pin = _pin(store, source)
    pin.parent.mkdir(parents=True, exist_ok=True)
    write_whole(pin, f"{commit}\n".encode())
