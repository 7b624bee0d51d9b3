"""The user's own interpreter in place of a recipe's lock: asked what it has, and left as it is.

`--environment` names it. What the recipe builds in its checkout is built with it, in a copy of the
checkout; what a build step would install into it is left out.
"""

import functools
import hashlib
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from mrbench import files, locks
from mrbench.errors import LaunchError, UnavailableError
from mrbench.files import home, write_whole
from mrbench.model.finding import Problem
from mrbench.model.inputs import Environment
from mrbench.model.job import EnvironmentRequest, LockDifference, OtherVersion, UsableEnvironment
from mrbench.prepare.environment.answer import FIND, IMPORT, Answer, asked
from mrbench.prepare.environment.installed import write_list
from mrbench.prepare.step import beside, run_step
from mrbench.recipe import lockfile
from mrbench.text import counted, fill_placeholders, without_secrets

DONE = "complete.json"
Step = Callable[[Sequence[str], Path, Path], None]
# Names under which a distribution's module is imported, where they differ.
IMPORTED_AS = {
    "cv2": ("opencv-python-headless", "opencv-python"),
    "google": ("protobuf",),
    "pil": ("pillow",),
    "skimage": ("scikit-image",),
    "sklearn": ("scikit-learn",),
    "yaml": ("pyyaml",),
}


class Built(msgspec.Struct, frozen=True, kw_only=True):
    """complete.json of what was built in a checkout with somebody's own interpreter."""

    python: str
    seconds: float


def prepare(request: EnvironmentRequest) -> UsableEnvironment:
    """Ask the interpreter, build what the recipe builds, import the probe; errors as of `made`."""
    python = request.python or Path(sys.executable)
    request.progress(f"looking at what {python} has")
    first = asked(python, FIND, ())

    def step(words: Sequence[str], source: Path, log: Path) -> None:
        variables = {**beside(python), "PYTHONPATH": str(source)}
        run_step(words, directory=source, log=log, variables=variables, what="environment")

    return made(request, python, first, functools.partial(asked, python, IMPORT), step)


def made(  # noqa: PLR0917 - on this machine and in an image alike
    request: EnvironmentRequest,
    python: Path,
    first: Answer,
    ask: Callable[[tuple[str, ...], Path], Answer],
    step: Step,
    image: str | None = None,
) -> UsableEnvironment:
    """Build what the recipe builds with an interpreter that said what it has; import the probe.

    ask: has it import modules, and see those of a folder, too. image: where it is, if in one.
    UnavailableError tells which modules it lacks, and how they are installed.
    """
    env, lock = request.env, request.lock
    name = digest(env, f"{image} {python}" if image else str(python), first, request.tree)
    template, seconds = _built(request, str(python), name, step)
    if env.probe:
        request.progress(f"probing: import {', '.join(env.probe)}")
    answer = ask(env.probe, template)
    require(answer, str(python), env, lock, request.wheels, in_image=image is not None)
    frozen = listed(answer.packages)
    return UsableEnvironment(
        python=python,
        template=template,
        digest=name,
        frozen=frozen,
        reused=True,
        interpreter=answer.whole,
        made_in_s=seconds,
        image=image,
        lock_difference=difference(env, lock, answer.whole, frozen),
    )


def problem(env: Environment, python: Path | None, wheels: Path | None) -> Problem | None:
    """Say which of the recipe's modules the interpreter lacks that its lock would bring, or None.

    Nothing is imported, and what the checkout brings cannot be told yet. wheels: a mirror's folder.
    """
    python = python or Path(sys.executable)
    pins = pins_of(env, None)
    known = [name for name in env.probe if any(d in pins for d in _distributions(name))]
    try:
        answer = asked(python, FIND, tuple(known))
    except LaunchError as exc:
        return Problem(exc.text, exc.remedy)
    return _lack(answer, str(python), env, None, wheels, in_image=False)


def require(
    answer: Answer,
    python: str,
    env: Environment,
    lock: bytes | None,
    wheels: Path | None = None,
    *,
    in_image: bool = False,
) -> None:
    """Raise UnavailableError in one line where modules are lacking or cannot be imported."""
    lack = _lack(answer, python, env, lock, wheels, in_image=in_image)
    if lack:
        raise UnavailableError(lack.text, lack.remedy)


def _lack(
    answer: Answer,
    python: str,
    env: Environment,
    lock: bytes | None,
    wheels: Path | None,
    *,
    in_image: bool,
) -> Problem | None:
    whose = f"the image's {python}" if in_image else python
    if answer.damaged:
        path, how = answer.damaged[0]
        text = f"{whose} has a distribution that cannot be read: {path} ({how})"
        return Problem(text, "install that package there again, or remove it")
    if answer.lacking:
        names = list(dict.fromkeys(answer.lacking))
        pins = pins_of(env, lock)
        needed = [_requirement(name, pins) for name in names]
        command = _install(python, needed)
        remedy = f"`{command}`"
        if in_image:
            remedy = f"name an image with `RUN {command}` more"
        elif wheels:
            remedy = _from_mirror(python, needed, wheels)
        return Problem(f"{whose} lacks {', '.join(names)}, which the recipe imports", remedy)
    if answer.broken:
        name, how = answer.broken[0]
        return Problem(f"{whose} cannot import {name} ({how})", "mend that package there")
    return None


def _install(python: str, needed: Iterable[str], options: str = "") -> str:
    return f"{python} -m pip install {options}{' '.join(needed)}"


def _from_mirror(python: str, needed: Sequence[str], wheels: Path) -> str:
    """Say how a mirror's folder of wheels helps, and what is not in it."""
    held = {lockfile.normalized(re.split(r"-\d", path.name)[0]) for path in wheels.glob("*")}
    there = [each for each in needed if lockfile.normalized(each) in held]
    absent = [each for each in needed if each not in there]
    options = f"--no-index --find-links {wheels} "
    parts = [f"`{_install(python, there, options)}`"] if there else []
    parts += [f"not in the mirror: {', '.join(absent)}"] if absent else []
    return "; ".join(parts)


def listed(packages: Iterable[tuple[str, str, str]]) -> tuple[str, ...]:
    """Return the distributions as `name==version`, and ` @ URL` behind where one is known.

    Of two of one name the first is what Python imports. URLs are without secrets.
    """
    lines: dict[str, str] = {}
    for name, version, direct in packages:
        origin = _origin(direct)
        lines.setdefault(lockfile.normalized(name), f"{name}=={version}{origin}")
    return tuple(sorted(lines.values(), key=str.lower))


def _origin(direct: str) -> str:
    """Return ` @ URL` of a direct_url.json (PEP 610), with its commit; nothing where it says none.

    Anything may stand in that file: what is no such thing is passed over.
    """
    try:
        content = json.loads(direct) if direct else {}
        url, vcs = str(content["url"]), content.get("vcs_info") or {}
        commit = f"@{vcs['commit_id']}" if vcs.get("commit_id") else ""
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""
    kind = f"{vcs.get('vcs', '')}+" if vcs else ""
    editable = " (editable)" if (content.get("dir_info") or {}).get("editable") else ""
    return f" @ {without_secrets(f'{kind}{url}{commit}')}{editable}"


def difference(
    env: Environment, lock: bytes | None, interpreter: str, frozen: Sequence[str]
) -> LockDifference:
    """Compare what is installed with the lock, or without one with the exact requirements.

    interpreter: what it is, as interpreter.describe says it.
    """
    version = " ".join(interpreter.split()[1:2])
    installed = versions(frozen)
    same, other, missing = 0, list[OtherVersion](), list[str]()
    if env.python and version and not f"{version}.".startswith(f"{env.python}."):
        other.append(OtherVersion(name="Python", locked=env.python, installed=version))
    named = {lockfile.normalized(line) for line in env.requirements}
    pins = sorted(pins_of(env, lock).items(), key=lambda item: item[0] not in named)
    for name, pinned in pins:  # what the recipe itself names comes first
        has = installed.get(name)
        locked = " or ".join(pinned)
        if has is None:
            if not _conditional(lock or b"", name):
                missing.append(f"{name}=={locked}")
        elif any(lockfile.meets(has, pin) for pin in pinned):
            same += 1
        else:
            other.append(OtherVersion(name=name, locked=locked, installed=has))
    return LockDifference(same=same, other=tuple(other), missing=tuple(missing))


def versions(frozen: Iterable[str]) -> dict[str, str]:
    """Return the versions in a frozen list, by normalized names."""
    pairs = (line.partition("==") for line in frozen)
    return {lockfile.normalized(name): version.split(" ")[0] for name, _, version in pairs}


def pins_of(env: Environment, lock: bytes | None) -> dict[str, list[str]]:
    """Return the versions by name of a lock; without one, those that the recipe itself names."""
    text = lock
    if text is None:
        text = "\n".join((*env.requirements, *env.build_requirements)).encode()
    pins: dict[str, list[str]] = {}
    for pin in lockfile.pins(text):
        pins.setdefault(pin.name, []).append(pin.version)
    return pins


def _conditional(lock: bytes, name: str) -> bool:
    """Tell whether a lock asks for a package only on some platforms or versions of Python."""
    head = re.split(r"\s--hash", lockfile.blocks(lock).get(name, ""), maxsplit=1)[0]
    return ";" in head


def _distributions(module: str) -> tuple[str, ...]:
    """Return the normalized names of the distributions that may bring a module."""
    top = module.partition(".")[0]
    return IMPORTED_AS.get(top.lower(), (lockfile.normalized(top),))


def _requirement(module: str, pins: Mapping[str, Sequence[str]]) -> str:
    """Return what to install for a module: what the lock has of it, else its name."""
    names = _distributions(module)
    pinned = next((name for name in names if name in pins), None)
    return f"{pinned}=={pins[pinned][0]}" if pinned else names[0]


def digest(env: Environment, python: str, answer: Answer, tree: str) -> str:
    """Name the environment after what the interpreter is and has, and what is built with it."""
    inputs: list[object] = [python, answer.whole, list(listed(answer.packages))]
    inputs += [os.uname().machine, list(map(list, _steps(env))), tree if env.build else None]
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()


def _steps(env: Environment) -> Iterator[Sequence[str]]:
    """Yield the build steps but those that install: the interpreter is the user's."""
    return (step for step in env.build if not {"install", "develop"} & set(step))


def _built(
    request: EnvironmentRequest, python: str, digest: str, step: Step
) -> tuple[Path, float | None]:
    """Run the recipe's build steps in a copy of the checkout, or find that done.

    step: runs a command in that folder, its output in that log. Returns the checkout with what was
    built, and the seconds that it took; where nothing is built, the checkout itself.
    """
    env, checkout, progress = request.env, request.checkout, request.progress
    if not env.build:
        return checkout, None
    place = home() / "envs" / digest[:16]
    place.parent.mkdir(parents=True, exist_ok=True)
    files.mark_used(place)
    source = place / "src"
    with locks.hold(place.with_suffix(".lock"), f"the build {place.name}", progress):
        known = files.cached(place / DONE, Built)
        if known:
            return source, known.seconds
        shutil.rmtree(place, ignore_errors=True)
        began = time.monotonic()
        shutil.copytree(checkout, source, symlinks=True)
        left = len(env.build) - len(list(_steps(env)))
        if left:
            progress(f"left out: {counted(left, 'build step')} that would change {python}")
        for words in _steps(env):
            progress(f"building: {' '.join(words)}")
            values = {"python": python, "checkout": str(source)}
            filled = [fill_placeholders(word, values) for word in words]
            step(filled, source, place.with_suffix(".log"))
        write_list(place)
        seconds = round(time.monotonic() - began, 1)
        write_whole(place / DONE, msgspec.json.encode(Built(python=python, seconds=seconds)))
        return source, seconds
