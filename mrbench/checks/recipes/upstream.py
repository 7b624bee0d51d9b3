"""Upstream repositories: the commit can be had, the patch applies, the tree is the recorded one.

Files that a recipe's commands name must be in that tree. Each check works in two fresh caches of
its own: one that stands already would prove nothing.
"""

import contextlib
import os
import re
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from mrbench.checks.recipes.base import Subject
from mrbench.errors import RecipeError, WorkspaceError
from mrbench.model.finding import Finding
from mrbench.model.inputs import PACKAGE, Patches, Source, as_source
from mrbench.model.job import Workspace
from mrbench.model.plan import Plan
from mrbench.prepare import source as workspace
from mrbench.prepare.source import address, store
from mrbench.prepare.source.tree import UnreachableError
from mrbench.recipe.choices import RANDOM, WEIGHTS, with_choices
from mrbench.recipe.plan import make_plan
from mrbench.recipe.validate import commands_of
from mrbench.text import counted

Say = Callable[[str], None]
# What a command reads of its source: scripts and configurations, relative to where it runs
FILE = re.compile(r"(?:\./)?[\w+-][\w./+-]*\.(?:py|ya?ml|sh|cfg|prototxt)")
# A module of it, or what is in one: of such a name it is not known whether it should be there
DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
COUNTS = (1, 2, 4, 8, 16)  # of GPUs, to find one that differs from the suite's


@dataclass(frozen=True, kw_only=True)
class Upstreams:
    """Whom to ask. base: a folder or URL of owner/name[.git]; None: the recipes' own hosts.

    caches: two empty folders.
    """

    base: str | None
    caches: tuple[Path, Path]
    say: Say


def check_upstream(subject: Subject, upstreams: Upstreams) -> Iterator[Finding]:
    """Check the recipe's source, its packages, and what the launch names of them."""
    file = subject.file
    checkout = yield from _source(subject, upstreams, subject.plan.source, file.patches, "source")
    if checkout is not None:
        yield from _other_gpus(subject, upstreams)
        yield from _untrained(subject, upstreams)
        yield from _named_files(subject, checkout.path)
    for i, package in enumerate(subject.plan.environment.packages):
        key = f"environment.packages[{i}]"
        yield from _source(subject, upstreams, as_source(package), (), key)


def repositories(subject: Subject) -> list[str]:
    """Return the URLs and packages that are asked for; none for what mrbench carries itself."""
    packages = map(as_source, subject.plan.environment.packages)
    named = [source.upstream for source in (subject.plan.source, *packages)]
    return [each for each in named if not each.startswith(PACKAGE)]


def _source(
    subject: Subject, upstreams: Upstreams, source: Source, patches: Patches, key: str
) -> Generator[Finding, None, Workspace | None]:
    """Check one repository; returns its checkout, for what else is to be looked at."""
    named = source.upstream.removeprefix(address.GITHUB)
    first, second = upstreams.caches
    refusal = _fetched(subject, upstreams, source, first, key)
    if refusal:
        yield refusal
        return None
    yield subject.ok("commit", f"{source.revision[:12]} of {named} can be had")
    changed = f"{key}.{'patches' if source.patches else 'substitutions'}"
    checkout = yield from _applied(subject, upstreams, source, patches, changed)
    if checkout is None:
        return None
    if patches or source.substitutions:
        parts = ((len(source.substitutions), "substitution"), (len(patches), "patch"))
        text = " and ".join(counted(count, what) for count, what in parts if count)
        yield subject.ok("applies", text)
    yield _tree(subject, source, checkout, key)
    refusal = _fetched(subject, upstreams, source, second, key)
    if refusal:
        yield refusal
        return checkout
    try:
        yield _twice(subject, checkout, _made(upstreams, source, patches, second), key)
    except WorkspaceError as exc:
        yield _failed(subject, "twice", exc, key)
    return checkout


def _fetched(
    subject: Subject, upstreams: Upstreams, source: Source, cache: Path, key: str
) -> Finding | None:
    """Fetch a commit; returns what went wrong, or None."""
    try:
        with _cache(cache):
            address.check_address(source)
            bare = address.store_path(source.upstream)
            with store.locked(bare, upstreams.say) as lock:
                store.ensure(bare, source, upstreams.base, upstreams.say, lock)
    except UnreachableError as exc:  # says nothing about the recipe
        return _failed(subject, "upstream", exc, f"{key}.{'package' if source.package else 'url'}")
    except WorkspaceError as exc:
        return _failed(subject, "commit", exc, f"{key}.{_pinned_by(source)}")
    return None


def _applied(
    subject: Subject, upstreams: Upstreams, source: Source, patches: Patches, key: str
) -> Generator[Finding, None, Workspace | None]:
    """Make a checkout of a commit that was fetched; key: what may not be applied to it."""
    try:
        return _made(upstreams, source, patches, upstreams.caches[0])
    except WorkspaceError as exc:
        yield _failed(subject, "applies", exc, key)
        return None


def _made(upstreams: Upstreams, source: Source, patches: Patches, cache: Path) -> Workspace:
    """Make the patched checkout, whatever its tree."""
    unpinned = msgspec.structs.replace(source, tree=None)
    with _cache(cache):
        return workspace.prepare(unpinned, patches, upstreams.base, upstreams.say)


def _tree(subject: Subject, source: Source, checkout: Workspace, key: str) -> Finding:
    if source.tree is None:
        text = f"{checkout.tree}, and none is recorded"
        at = f"{key}.{_pinned_by(source)}"
        return subject.finding("tree", text, f"put it into {key}.tree", at, "not checked")
    if source.tree != checkout.tree:
        text = f"is {checkout.tree}, recorded is {source.tree}"
        remedy = "correct the tree id, or the commit, patches and substitutions that make it"
        return subject.finding("tree", text, remedy, f"{key}.tree")
    return subject.ok("tree", f"{checkout.tree}, as recorded")


def _twice(subject: Subject, one: Workspace, other: Workspace, key: str) -> Finding:
    same = (one.base_tree, one.tree) == (other.base_tree, other.tree)
    # a copy of another cache is hashed by the first one's record: file by file, not by its claim
    if not same or not workspace.verify_tree(one, other.path):
        text = f"two checkouts have trees {one.tree} and {other.tree}"
        return subject.finding("twice", text, "please report it: a bug in mrbench or git", key)
    return subject.ok("twice", "two fetches and checkouts have the same files")


def _other_gpus(subject: Subject, upstreams: Upstreams) -> Iterator[Finding]:
    """Apply what the recipe substitutes for another number of GPUs."""
    if not subject.file.recipe.other_gpus.substitutions:
        return
    if plan := _with_others(subject):
        key, patches = "other_gpus.substitutions", subject.file.patches
        if (yield from _applied(subject, upstreams, plan.source, patches, key)) is not None:
            text = f"with {counted(plan.gpus, 'GPU')}, {subject.plan.gpus} are the suite's"
            yield subject.ok("applies", text)


def _untrained(subject: Subject, upstreams: Upstreams) -> Iterator[Finding]:
    """Apply what the recipe substitutes for --weights random."""
    how = subject.file.recipe.random_weights
    if how is None or not how.substitutions:
        return
    file = with_choices(msgspec.structs.replace(subject.file, lock=None), {WEIGHTS: RANDOM})
    source, key = make_plan(file).source, "random_weights.substitutions"
    checkout = yield from _applied(subject, upstreams, source, subject.file.patches, key)
    if checkout is not None:
        yield subject.ok("applies", "with random weights")
        yield _tree(subject, source, checkout, "random_weights")


def _with_others(subject: Subject) -> Plan | None:
    unlocked = msgspec.structs.replace(subject.file, lock=None)
    for count in (*subject.file.recipe.other_gpus.allowed, *COUNTS):
        with contextlib.suppress(RecipeError):
            if count != subject.plan.gpus:
                return make_plan(unlocked, gpus=count)
    return None


def _failed(subject: Subject, topic: str, error: WorkspaceError, key: str) -> Finding:
    return subject.finding(topic, error.text, error.remedy, key)


def _pinned_by(source: Source) -> str:
    return "sha256" if source.package else "commit"


@contextlib.contextmanager
def _cache(folder: Path) -> Iterator[None]:
    """Let the workspace keep what it makes in a folder of ours."""
    before = os.environ.get("MRBENCH_HOME")
    os.environ["MRBENCH_HOME"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["MRBENCH_HOME"]
        else:
            os.environ["MRBENCH_HOME"] = before


def _named_files(subject: Subject, checkout: Path) -> Iterator[Finding]:
    """Look for each file that the launch, the build and the preparation of data name."""
    folder = checkout / subject.plan.directory
    if not folder.is_dir():
        text = f"the source has no folder {subject.plan.directory}"
        yield subject.finding("files", text, "correct it", "launch.directory")
        return
    named = list(_named(subject, checkout, folder))
    absent = [(key, place) for key, _, place in named if not place.is_file()]
    for key, place in absent:
        text = f"the patched source has no file {place.relative_to(checkout)}"
        yield subject.finding("files", text, "correct the path, or source.paths", key)
    if not named:
        text = "the launch names no file of its source"
        yield subject.finding(
            "files", text, "have a look at it yourself", "launch.command", outcome="not checked"
        )
    elif not absent:
        words = {word for _, word, _ in named}
        yield subject.ok("files", f"{counted(len(words), 'file')} of the commands, all there")


def _named(subject: Subject, checkout: Path, folder: Path) -> Iterator[tuple[str, str, Path]]:
    """Yield key, word and place of each."""
    for key, words in commands_of(subject.file.recipe):
        place = folder if key.startswith("launch.") else checkout
        for word in subject.plan.command if key == "launch.command" else words:
            name = word.rpartition("=")[2]
            inside = name.removeprefix("{checkout}/")
            if FILE.fullmatch(inside) and ".." not in inside.split("/"):
                yield key, word, (checkout if inside != name else place) / inside
            elif DOTTED.fullmatch(name) and (module := _module(name, place)):
                yield key, word, module


def _module(name: str, folder: Path) -> Path | None:
    """Return the file of a module, or of the module that has what is named; None if none is."""
    places = (folder / f"{part.replace('.', '/')}.py" for part in (name, name.rpartition(".")[0]))
    return next((place for place in places if place.is_file()), None)
