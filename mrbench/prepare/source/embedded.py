"""Implementations that travel inside the package, each as a git repository of one commit.

Its id depends on the files alone, so a recipe can pin it like any other commit.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from mrbench import embedded
from mrbench.errors import WorkspaceError
from mrbench.prepare.source.tree import object_id, tree_objects

KINDS = (".py", ".md", ".txt", ".yml")
Objects = dict[str, tuple[str, bytes]]  # id -> kind, content
Member = tuple[str, str, bytes]  # path with slashes, mode, content
SIGNATURE = "mrbench <mrbench@invalid> 1577836800 +0000"  # 2020-01-01; nobody and never, but fixed
FOLDER = Path(embedded.__file__).parent
BASES: Mapping[str, str] = {"minimask_r50": "minimask"}  # whose files are in its repository, too


def repository(name: str, root: Path | None = None) -> dict[str, bytes]:
    """Return the files of an embedded implementation: path with slashes -> content.

    One that is built on another has the other's files as well, its own in the place of namesakes.
    """
    root = root or FOLDER
    known = sorted(p.name for p in root.iterdir() if p.is_dir() and not p.name.startswith("_"))
    if name not in known:
        text = f"package:{name}: mrbench carries {', '.join(known)}"
        raise WorkspaceError(text, "name such a one")
    folder = root / name
    base = repository(BASES[name], root) if name in BASES else {}
    return base | {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.suffix in KINDS and path.is_file() and "__pycache__" not in path.parts
    }


def objects(name: str, root: Path | None = None) -> tuple[str, Objects]:
    """Return the commit's id and all objects of the repository."""
    files = repository(name, root)
    return one_commit(((path, "100644", content) for path, content in files.items()), name)


def one_commit(members: Iterable[Member], message: str) -> tuple[str, Objects]:
    """Return the id of a commit of these files alone, and all objects of its repository."""
    contents: Objects = {}
    entries = []
    for path, mode, content in members:
        oid = object_id("blob", content)
        contents[oid] = ("blob", content)
        entries.append((mode, oid, path.encode()))
    tree, trees = tree_objects(entries)
    contents |= {oid: ("tree", content) for oid, content in trees.items()}
    commit = f"tree {tree}\nauthor {SIGNATURE}\ncommitter {SIGNATURE}\n\n{message}\n".encode()
    pinned = object_id("commit", commit)
    return pinned, contents | {pinned: ("commit", commit)}


def commit_id(name: str, root: Path | None = None) -> str:
    """Return the commit that a recipe pins for the implementation as this mrbench carries it."""
    return objects(name, root)[0]
