"""`mrbench check`: whether recipes hold what they promise, without training anything.

suite.py, pins.py, patches.py and sample.py look at files alone, upstream.py at the repositories.
All of them yield `Finding`.
"""

import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from mrbench.checks.recipes import patches, pins, sample, suite, upstream
from mrbench.checks.recipes.base import Subject, refused
from mrbench.checks.recipes.upstream import Upstreams
from mrbench.errors import PlaceholderError, RecipeError
from mrbench.model.finding import Finding
from mrbench.prepare.mirror.base import git_base
from mrbench.recipe import load, plan

RecipeCheck = Callable[[Subject], Iterator[Finding]]
# In the order in which they are reported.
OFFLINE: tuple[RecipeCheck, ...] = (
    pins.commits,
    pins.licence,
    pins.placeholders,
    pins.check_values,
    patches.check_patches,
    pins.check_lock,
    sample.check_sample,
)
# Which check refuses a recipe that does not even read: by the key that is refused.
READING = {
    "commits": re.compile(r"(.+\.)?commit"),
    "patches": re.compile(r"\w+\.patches\[\d+\]"),
    "lock": re.compile(r"environment\.lock"),
    "sample": re.compile(r"sample(\..+)?"),
}


def check_recipes(
    paths: Sequence[Path],
    *,
    network: bool,
    mirror: str | None,
    say: Callable[[str], None],
) -> Iterator[Finding]:
    """Check recipes and files called suite.yaml, in their order; network: upstreams, too.

    mirror: asked instead of the upstreams' own hosts.
    """
    unasked = set()
    with tempfile.TemporaryDirectory(prefix="mrbench-check-") as folder:
        caches = Path(folder) / "one", Path(folder) / "other"
        upstreams = Upstreams(base=git_base(mirror), caches=caches, say=say)
        for path in paths:
            if path.name == load.SUITE:
                yield from suite.check_suite(path)
                continue
            subject = _read(path)
            if not isinstance(subject, Subject):
                yield from subject
                continue
            workload = f"{subject.plan.framework}, {subject.plan.gpus} x {subject.plan.accelerator}"
            yield subject.ok("recipe", f"{workload}, window {subject.plan.window}")
            for check in OFFLINE:
                yield from check(subject)
            asked = upstream.repositories(subject)
            if network or not asked:  # what mrbench carries itself needs nobody
                yield from upstream.check_upstream(subject, upstreams)
            else:
                unasked.update(asked)
    if unasked:
        count = f"{len(unasked)} repositories" if len(unasked) > 1 else "1 repository"
        text = f"{count} not asked for commits, patches and trees"
        remedy = "ask with --network, or --mirror DIR"
        yield Finding("upstreams", "not checked", text, remedy, subject="network")


def _read(path: Path) -> Subject | list[Finding]:
    name = f"{load.suite_name_of(path)}/{path.stem}"
    try:
        file = load.load_path(path)
        resolved = plan.make_plan(msgspec.structs.replace(file, lock=None))
    except RecipeError as exc:
        return [refused(_topic(each), name, each, path) for each in exc.parts or (exc,)]
    base = load.base_of(path)
    return Subject(name=name, place=file.place, file=file, plan=resolved, base=base)


def _topic(exc: RecipeError) -> str:
    if isinstance(exc, PlaceholderError):
        return "placeholders"
    key = exc.key or ""
    return next((name for name, rule in READING.items() if rule.fullmatch(key)), "recipe")
