"""Read recipes and suites, and refuse whatever could move, escape or mislead."""

import functools
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import quote

import msgspec

from mrbench.errors import PlaceholderError, RecipeError
from mrbench.files import read_regular, real_path
from mrbench.model.inputs import Environment
from mrbench.model.logformat import LogFormat
from mrbench.model.recipe import Recipe
from mrbench.model.suite import Suite
from mrbench.model.work import OLD_NAMES
from mrbench.model.workload import Workload
from mrbench.recipe import yamlfile
from mrbench.recipe.yamlfile import Place
from mrbench.text import PLACEHOLDER, PLACEHOLDERS, did_you_mean, shorten, without_secrets

SUITE = "suite.yaml"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
MOST_BYTES = 64 << 20  # of a patch or lock; ours have up to 200 kB
SCHEMES = ("https", "ssh", "file", "package")
_SSH_FORM = re.compile(r"[\w.-]+@[\w.-]+:.+")  # git@github.com:owner/name
LONGEST_PATTERN, LONGEST_PART = 1000, 255  # bytes: of paths that file systems take, and names


class RecipeFile(msgspec.Struct, frozen=True, kw_only=True):
    """A recipe with its name, its suite, where its patches lie and where its keys stand."""

    name: str
    suite_name: str
    suite: Suite
    recipe: Recipe
    place: Place
    patches: tuple[tuple[str, bytes], ...]
    lock: bytes | None = None


def root() -> Path:
    """Return the folder that holds recipes/ and patches/: the package's own, or the checkout."""
    package = Path(__file__).resolve().parents[1]
    return package if (package / "recipes").is_dir() else package.parent


def suite_names() -> tuple[str, ...]:
    """Return the suites that this mrbench carries."""
    return tuple(sorted(p.parent.name for p in (root() / "recipes").glob(f"*/{SUITE}")))


def load_suite(name: str) -> Suite:
    """Read a suite that mrbench carries, by its name."""
    return _carried(suite_path(name))


@functools.cache
def _carried(path: Path) -> Suite:
    return read_suite(path)  # each of its recipes asks for it, and for the order in it


def suite_path(name: str) -> Path:
    """Return the file of a suite that this mrbench carries; RecipeError if there is none."""
    known = suite_names()
    if name not in known:
        raise unknown_suite(name, known, _of_own(name))
    return root() / "recipes" / name / SUITE


def unknown_suite(name: str, known: tuple[str, ...], hint: str = "") -> RecipeError:
    """Make the error for a suite that is none of the known; hint: what else it may mean."""
    hint = hint or _of_suites(name) or _suggest(name, known)
    return RecipeError(f"no suite is called {name!r}", hint)


def read_suite(path: Path) -> Suite:
    """Read a suite.yaml from anywhere."""
    return yamlfile.load_yaml(Suite, path)[0]


def recipe_paths(folder: Path) -> list[Path]:
    """Return the files of a suite's recipes, by name."""
    return sorted(path for path in folder.glob("*.yaml") if path.name != SUITE)


def implementations(suite_name: str) -> tuple[str, ...]:
    """Return the names of a suite's recipes, in the suite's order."""
    folder = root() / "recipes" / suite_name
    names = [path.stem for path in recipe_paths(folder)]
    order = load_suite(suite_name).order
    return tuple(sorted(names, key=lambda n: order.index(n) if n in order else len(order)))


def load_named(suite_name: str, name: str, *, locked: bool = True) -> RecipeFile:
    """Read one of the recipes that mrbench carries; not locked: its lock may be missing."""
    suite = load_suite(suite_name)
    known = implementations(suite_name)
    if name not in known:
        text = f"suite {suite_name} has no implementation {name!r}"
        raise RecipeError(text, _suggest(name, known))
    base = root()
    path = base / "recipes" / suite_name / f"{name}.yaml"
    return load_file(
        path, suite_name=suite_name, suite=suite, patches=base / "patches", locked=locked
    )


def load_file(
    path: Path,
    *,
    suite_name: str,
    suite: Suite,
    patches: Path | None = None,
    locked: bool = True,
) -> RecipeFile:
    """Read a recipe from anywhere; its patches are named relative to `patches`, or to itself."""
    recipe, place = yamlfile.load_yaml(Recipe, path)
    check_name(path)
    _validate(recipe, place)
    beside = real_path(path).parent
    contents = tuple(
        (name, _read_beside(patches or beside, name, key, place)) for key, name in _patches(recipe)
    )
    lock = recipe.environment.lock
    return RecipeFile(
        name=path.stem,
        suite_name=suite_name,
        suite=suite,
        recipe=recipe,
        place=place,
        patches=contents,
        lock=_read_beside(beside, lock, "environment.lock", place) if lock and locked else None,
    )


def check_name(path: Path) -> None:
    """Refuse a recipe whose file cannot name an implementation."""
    if not _NAME.fullmatch(path.stem):
        remedy = "name it with letters, digits, '.', '_' and '-' only"
        raise RecipeError("its name cannot be that of an implementation", remedy, file=path)


def _patches(recipe: Recipe) -> Iterator[tuple[str, str]]:
    for i, name in enumerate(recipe.source.patches):
        yield f"source.patches[{i}]", name
    for i, name in enumerate(recipe.adaptation.patches if recipe.adaptation else ()):
        yield f"adaptation.patches[{i}]", name


def _read_beside(folder: Path, name: str, key: str, place: Place) -> bytes:
    if not real_path(folder / name).is_relative_to(real_path(folder)):
        raise place.error(key, f"{name!r} leaves its folder", f"keep it inside {folder}")
    try:
        return read_regular(folder / name, MOST_BYTES)
    except OSError as exc:
        text = f"{folder / name} cannot be read ({exc.strerror})"
        remedy = "put it there"
        if key == "environment.lock" and isinstance(exc, FileNotFoundError):
            remedy = f"`mrbench lock --recipe {place.file}` writes it"
        raise place.error(key, text, remedy) from exc


def _validate(recipe: Recipe, place: Place) -> None:
    _check_url(recipe.source.url, place, "source.url")
    _check_environment(recipe.environment, place)
    _check_workload(recipe.workload, place)
    _check_log(recipe.log, place)
    for pattern in recipe.log.keep:
        _check_keep(pattern, place)
    for key, text in _relative_paths(recipe):
        if PurePosixPath(text).is_absolute() or ".." in PurePosixPath(text).parts:
            raise place.error(
                key, f"{text!r} must stay inside its folder", "relative, without '..'"
            )
    for key, words in _commands(recipe):
        if not words[0].strip():
            raise place.error(key, "its first word is empty", "name the program to start")
    for key, text in _templates(recipe):
        for name in PLACEHOLDER.findall(text):
            if OLD_NAMES.get(name, name) not in PLACEHOLDERS:
                raise PlaceholderError(
                    f"unknown placeholder {{{name}}}",
                    _suggest(name, tuple(PLACEHOLDERS)),
                    file=place.file,
                    line=place.line(key),
                    key=key,
                )


def _check_url(url: str, place: Place, key: str) -> None:
    scheme, _, rest = url.partition(":")
    if scheme not in SCHEMES:
        text = f"{url!r}: only {', '.join(SCHEMES)} URLs are used"
        raise place.error(key, text, _as_url(url, place) or "give one")
    user, at, _ = rest.removeprefix("//").partition("/")[0].rpartition("@")
    if at and (scheme == "https" or ":" in user):
        raise place.error(key, "holds a user or password", "keep secrets out of recipes")
    query = url[len(url.partition("?")[0]) :]
    if without_secrets(query) != query:
        raise place.error(key, "holds a token", "keep secrets out of recipes")


def _as_url(text: str, place: Place) -> str:
    """Return what to write for a repository's path, or its address in ssh's form; else nothing."""
    if _SSH_FORM.fullmatch(text):  # not spelled out: messages hide the user in a URL
        return "put ssh:// before it, and / in place of the colon"
    if ":" in text or not text:
        return ""
    folder = os.path.normpath(Path(place.file).absolute().parent / text)
    return f"for a repository on this machine, give file://{quote(folder)}"


def _check_environment(env: Environment, place: Place) -> None:
    for i, package in enumerate(env.packages):
        _check_url(package.url, place, f"environment.packages[{i}].url")
    if env.index is not None:
        _check_index(env.index, place, "environment.index")
    for i, url in enumerate(env.find_links):
        _check_index(url, place, f"environment.find_links[{i}]")
    if env.kind == "image" and not env.image:
        raise place.error("environment.image", "missing", "kind image needs one")


def _check_index(url: str, place: Place, key: str) -> None:
    """Refuse what uv and pip would not take as one URL, and what would tell others a secret."""
    scheme, _, rest = url.partition("://")
    if scheme not in ("https", "file") or not rest.strip("/") or re.search(r"[\s,$\"'`\\]", rest):
        raise place.error(key, f"{without_secrets(url)!r} is not an https or file URL", "give one")
    if without_secrets(url) != url:
        remedy = "keep secrets out of recipes; pip and uv take them from ~/.netrc"
        raise place.error(key, "holds a password or a token", remedy)


def _check_workload(work: Workload, place: Place) -> None:
    if work.unit == "steps" and work.per_device != 1:
        text = f"{work.per_device} steps in one iteration of one GPU"
        raise place.error("workload.per_device", text, "of unit steps it is 1")
    whole = work.accumulation if work.iteration == "step" else 1
    if work.total is not None and work.unit != "steps" and work.total % whole:
        text = f"{work.total} of {whole} batches, which does not divide"
        remedy = "it is that of a whole iteration, all its batches and GPUs together"
        raise place.error("workload.total", text, remedy)


def _check_log(log: LogFormat, place: Place) -> None:
    given = [name for name in ("format", "pattern", "columns") if getattr(log, name) is not None]
    if len(given) != 1:
        text = f"has {' and '.join(given)}" if given else "says nothing of how to parse the log"
        raise place.error("log", text, "give one of `format`, `pattern` and `columns`")
    if log.file is not None:
        _check_keep(log.file, place, "log.file")
    if log.pattern is None and log.step_pattern is not None:
        raise place.error("log.step_pattern", "has no `pattern` beside it", "add it")
    if log.pattern is not None:
        timed = _check_pattern(log, place)
        if timed and log.timing is None:
            raise place.error("log", "a `pattern` needs `timing` beside it", "add it")


def _check_keep(pattern: str, place: Place, key: str = "log.keep") -> None:
    """Refuse what names no files: it would be found out when the training is over."""
    parts = PurePosixPath(pattern).parts
    if not parts or any(map(_names_nothing, parts)) or len(pattern.encode()) > LONGEST_PATTERN:
        text = f"{shorten(pattern)!r} names no files"
        raise place.error(key, text, "give a pattern below {output}, as results/*.json")


def _names_nothing(part: str) -> bool:
    return ("**" in part and part != "**") or "\0" in part or len(part.encode()) > LONGEST_PART


def _check_pattern(log: LogFormat, place: Place) -> bool:
    """Return whether a pattern has a value, which it need not where arrivals tell the seconds."""
    groups = _groups(log.pattern or "", place, "log.pattern")
    missing = {"iteration", "value"} - groups
    if log.step_pattern is not None:
        missing -= _groups(log.step_pattern, place, "log.step_pattern")
    if "epoch" in groups and ("per_epoch" in groups or log.every):
        missing.discard("iteration")
    if missing - ({"value"} if log.clock == "arrival" else set()):
        text = f"lacks the group {', '.join(sorted(missing))}"
        raise place.error("log.pattern", text, f"add it, as (?P<{min(missing)}>...)")
    return "value" not in missing


def _groups(pattern: str, place: Place, key: str) -> set[str]:
    try:
        return set(re.compile(pattern).groupindex)
    except (re.error, OverflowError, RecursionError) as exc:
        text = f"is not a valid regular expression: {exc}"
        raise place.error(key, text, "correct it") from exc


def _relative_paths(recipe: Recipe) -> Iterator[tuple[str, str]]:
    yield "launch.directory", recipe.launch.directory
    yield from _patches(recipe)
    yield "environment.lock", recipe.environment.lock or "."
    yield "sample.log", recipe.sample.log if recipe.sample else "."
    for package in recipe.environment.packages:
        yield "environment.packages", package.folder
    for pattern in recipe.log.keep:
        yield "log.keep", pattern
    yield "log.file", recipe.log.file or "."
    if recipe.data:
        for link, target in recipe.data.links.items():
            yield f"data.links.{link}", link
            yield f"data.links.{link}", target
        for need in recipe.data.needs:
            yield "data.needs", need
    for item in recipe.weights:
        yield "weights", item.file
        yield "weights", item.link or "."


def _commands(recipe: Recipe) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield "launch.command", recipe.launch.command
    if recipe.launch.multi_node:
        yield "launch.multi_node.command", recipe.launch.multi_node.command
    for i, step in enumerate(recipe.environment.build):
        yield f"environment.build[{i}]", step
    for i, step in enumerate(recipe.data.prepare if recipe.data else ()):
        yield f"data.prepare[{i}]", step


def _templates(recipe: Recipe) -> Iterator[tuple[str, str]]:
    for key, words in _commands(recipe):
        for text in words:
            yield key, text
    for name, text in recipe.launch.variables.items():
        yield f"launch.variables.{name}", text
    for text in recipe.other_gpus.arguments:
        yield "other_gpus.arguments", text


def _of_own(name: str) -> str:
    """Return what to type where a recipe of one's own was named as a suite; else nothing."""
    path = Path(name if name.endswith(".yaml") else f"{name}.yaml")
    return f"to train with a recipe of your own, give --recipe {path}" if path.is_file() else ""


def _of_suites(name: str) -> str:
    """Return what to type where an implementation was named as a suite; else nothing."""
    found = [suite for suite in suite_names() if name in implementations(suite)]
    hint = f"it is an implementation of {', '.join(found)}: give --suite {{}} --impl {name}"
    return hint.format(found[0] if len(found) == 1 else "NAME") if found else ""


def _suggest(name: str, known: tuple[str, ...]) -> str:
    return f"{did_you_mean(name, known)} known: {', '.join(known)}".lstrip()


def base_of(path: Path) -> Path | None:
    """Return the folder that a recipe belongs to, if that is laid out as mrbench's own.

    recipes/<suite>/<name>.yaml, with patches/ and tests/ beside recipes/.
    """
    folder = real_path(path).parent.parent
    has_patches = folder.parent == root() or (folder.parent / "patches").is_dir()
    return folder.parent if folder.name == "recipes" and has_patches else None


def suite_name_of(path: Path) -> str:
    """Return what a recipe's suite is called: as the folder with the suite.yaml."""
    return real_path(path).parent.name


def load_path(path: Path, *, locked: bool = True) -> RecipeFile:
    """Read a recipe with the suite.yaml beside it; RecipeError where there is none.

    Its patches lie in the patches/ of its layout, else beside it. Not locked: its lock may be
    missing.
    """
    base = base_of(path)
    beside = real_path(path).parent / SUITE
    if not (beside.exists() or beside.is_symlink()):
        yamlfile.load_yaml(Recipe, path)  # what is wrong with the recipe itself comes first
        raise RecipeError(
            f"there is no {SUITE} beside it, which states the window and the hardware",
            f"write {beside}; `mrbench new FILE` writes a recipe with one",
            file=path,
        )
    return load_file(
        path,
        suite_name=suite_name_of(path),
        suite=read_suite(beside),
        patches=base / "patches" if base else None,
        locked=locked,
    )
