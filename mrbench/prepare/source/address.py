"""Where a repository is: what URLs may look like, which mirror serves them, where they are kept."""

import hashlib
import re
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from mrbench.errors import WorkspaceError
from mrbench.files import home, real_path
from mrbench.model.inputs import PACKAGE, Source, is_package
from mrbench.prepare.mirror import base as mirrored
from mrbench.prepare.source.tree import UnreachableError, repository_name

GITHUB = "https://github.com/"
SCHEMES = ("https", "ssh", "file")
MIRROR_SCHEMES = (*SCHEMES, "http")  # the commit id vouches for what comes
PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


def check_address(source: Source) -> None:
    """Refuse whatever git could take for something else than a URL, a commit and folders."""
    if source.package is None:
        _check_url(source.url, SCHEMES, "source.url")
        if not re.fullmatch(r"[0-9a-f]{40}", source.commit):
            raise WorkspaceError(f"{source.commit!r} is not a commit id", "give all 40 hex digits")
    for path in source.paths:
        parts = path.strip("/").split("/")
        if re.search(r"[*?\[\]\\!#\x00-\x1f]|^-|^ | $", path) or {"", ".", ".."} & set(parts):
            raise WorkspaceError(f"source.paths: {path!r}: give a plain folder or file, as docs/")


def _check_url(url: str, schemes: tuple[str, ...], what: str) -> None:
    if url.startswith(PACKAGE) and schemes == SCHEMES:
        return
    try:
        parts = urlsplit(url)
        usable = parts.scheme in schemes and parts.path not in {"", "/"}
        plain = not re.search(r"[\x00-\x20]|/\.\.(/|$)", url)
        host = parts.hostname or ""
    except ValueError:
        usable = plain = False
        host = ""
    if not (usable and plain) or host.startswith("-"):
        beginnings = " or ".join(f"{scheme}://" for scheme in schemes)
        raise WorkspaceError(f"{what} {url!r}: give a URL that begins with {beginnings}")
    if parts.password is not None or (parts.username and parts.scheme != "ssh"):
        raise WorkspaceError(f"{what} for {host}: leave user and password out of the URL")


def store_path(url: str) -> Path:
    """Return the object store of a repository: repos/<host>/<owner>/<name>.git.

    url: or a package of an index with its version.
    """
    repos = home() / "repos"
    if is_package(url):
        return repos / "index" / f"{repository_name(url)}.git"
    if url.startswith(PACKAGE):
        return repos / "package" / f"{repository_name(url)}.git"
    parts = urlsplit(url)
    folders = parts.path.strip("/").removesuffix(".git").split("/")
    if parts.scheme == "https" and parts.port is None and all(map(PLAIN.fullmatch, folders)):
        return repos.joinpath(str(parts.hostname), *folders[:-1], f"{folders[-1]}.git")
    digest = hashlib.sha256(url.encode()).hexdigest()[:12]
    return repos / parts.scheme / f"{repository_name(url)}-{digest}.git"


def kept_as(url: str) -> str:
    """Return a repository's place in a made mirror: owner/name, or for other hosts one with `_`."""
    if url.startswith(GITHUB):
        return url.removeprefix(GITHUB).strip("/").removesuffix(".git")
    inside = str(store_path(url).relative_to(home() / "repos"))
    return f"_{inside.removesuffix('.git')}"  # no owner at GitHub begins so


def candidates(url: str, mirror: str | None) -> tuple[str, ...]:
    """Return the URLs to ask, in this order; a mirror stands for GitHub only, a made one for all.

    The commit id vouches for what comes, wherever it comes from.
    """
    if mirror and mirrored.serves_all(mirror):
        return (_in_folder(Path(mirror), kept_as(url)),)
    if not mirror or not url.startswith(GITHUB):
        return (url,)
    tail = kept_as(url)
    if "://" not in mirror:
        return (_in_folder(Path(mirror), tail),)
    if mirror.startswith("file://"):
        return (_in_folder(Path(unquote(urlsplit(mirror).path)), tail),)
    base = mirror.rstrip("/")
    _check_url(f"{base}/{tail}", MIRROR_SCHEMES, "mirror")
    return (f"{base}/{tail}.git", f"{base}/{tail}")


def _in_folder(base: Path, tail: str) -> str:
    if not base.is_dir():
        raise UnreachableError(f"mirror {base}: no such folder", "correct --mirror")
    for place in (base / f"{tail}.git", base / tail):
        for folder in (place, place / ".git"):
            if (folder / "HEAD").is_file() and (folder / "objects").is_dir():
                return f"file://{quote(str(real_path(folder)))}"
    text = f"mirror {base}: holds neither {tail}.git nor {tail}"
    raise UnreachableError(text, "put the repository there, or name another --mirror")
