"""The git repository that a folder is in: what a new recipe takes as its source."""

import os
import re
from pathlib import Path
from urllib.parse import quote

import msgspec

from mrbench.errors import WorkspaceError
from mrbench.files import real_path
from mrbench.prepare.source.git import git
from mrbench.text import without_secrets

_OTHER_FORM = re.compile(r"(?P<host>[\w.-]+@[\w.-]+):(?P<path>[^/].*)")  # git@github.com:owner/name


class Repository(msgspec.Struct, frozen=True):
    """A repository on this machine. commit: HEAD's. changed: whether tracked files differ from it.

    origin: where it was cloned from, as a recipe may state it. files: those of the commit.
    """

    url: str
    commit: str
    origin: str | None
    changed: bool
    files: tuple[str, ...]


def repository(folder: Path) -> Repository | None:
    """Return the repository that a folder is in; None if there is none, or it has no commit."""
    top = top_of(folder)
    if top is None:
        return None
    try:
        commit = git(top / ".git", "rev-parse", "--verify", "HEAD^{commit}").decode().strip()
        files = git(top / ".git", "ls-tree", "-r", "--name-only", "-z", commit)
        changed = git(top / ".git", "status", "--porcelain", "--untracked-files=no", tree=top)
    except WorkspaceError:
        return None
    if not re.fullmatch(r"[0-9a-f]{40}", commit):
        return None
    return Repository(
        url=f"file://{quote(str(top))}",
        commit=commit,
        origin=_origin(top),
        changed=bool(changed.strip()),
        files=tuple(os.fsdecode(name) for name in files.split(b"\0") if name),
    )


def top_of(folder: Path) -> Path | None:
    """Return the top of the repository that a folder is in; None if there is none."""
    here = real_path(folder)
    return next((each for each in (here, *here.parents) if (each / ".git").exists()), None)


def _origin(top: Path) -> str | None:
    try:
        text = git(top / ".git", "config", "--get", "remote.origin.url").decode().strip()
    except (WorkspaceError, UnicodeDecodeError):
        return None
    other = _OTHER_FORM.fullmatch(text)
    url = f"ssh://{other['host']}/{other['path']}" if other else text
    usable = url.startswith(("https://", "ssh://")) and url.isprintable()
    return url if usable and without_secrets(url) == url else None
