"""Build an environment's image: a target of the Dockerfile, with the recipe's lock, on a base.

What a recipe builds beyond its lock (packages from repositories, steps over the checkout) becomes
more lines of the same Dockerfile.
"""

import contextlib
import hashlib
import io
import json
import re
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from mrbench.errors import LaunchError, MrbenchError, RecipeError, UnavailableError
from mrbench.files import home, mark_used
from mrbench.launch.executors.docker.containerfile import only, target_of
from mrbench.launch.executors.docker.engine import ENVIRONMENT, RUN, meaning, owner, translated
from mrbench.model.inputs import OWN_PYTHON, Environment
from mrbench.model.job import EnvironmentRequest
from mrbench.prepare import environment
from mrbench.prepare.step import SILENT
from mrbench.recipe import lockfile
from mrbench.text import fill_placeholders

if TYPE_CHECKING:
    import docker
    from docker.models.images import Image

THERE = "/opt/mrbench"
PYTHON = f"{THERE}/venv/bin/python"
PIP = (PYTHON, "-m", "pip", "install", "--no-deps", "--no-build-isolation", "--no-cache-dir")
SOURCE = f"{THERE}/src"  # beside the environment, as on a machine
INSTALL = Path(__file__).with_name("docker_install.sh")
TAG = "mrbench-environment"
NOT_FOUND = re.compile(
    r"no matching distribution|could not find a version|has no Python|unable to locate package",
    re.IGNORECASE,
)


def ensure(
    client: "docker.DockerClient", request: EnvironmentRequest, base: str, base_id: str
) -> "tuple[Image, bool]":
    """Return the environment's image, and whether it had to be built."""
    import docker  # noqa: PLC0415 - takes a third of a second, and most runs need none

    env, lock = request.env, request.lock
    name = digest(env, request.tree, lock, base_id)
    tag = f"{TAG}:{name[:16]}"
    with contextlib.suppress(docker.errors.ImageNotFound):
        return client.images.get(tag), False
    count = len(lockfile.blocks(lock or b""))
    request.progress(f"building the image {tag} on {base}: {count} packages")
    text = only(target_of(env))
    log = home() / "envs" / f"{name[:16]}.image.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=log.parent) as context:
        _write_context(context, text, request)
        _build(client, context, log, tag, {ENVIRONMENT: name}, _arguments(env, base))
    return client.images.get(tag), True


def digest(env: Environment, tree: str, lock: bytes | None, base_id: str) -> str:
    """Name an image after all that decides it."""
    lock_sha256 = hashlib.sha256(lock or b"").hexdigest()
    words = [only(target_of(env)), INSTALL.read_text(), base_id]
    own = None if env.python else sys.version
    inputs = [environment.digest(env, tree, lock_sha256, own), *words]
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()


def _arguments(env: Environment, base: str) -> dict[str, str]:
    return {
        "BASE": base,
        "PYTORCH_BASE": base,
        "TENSORFLOW_BASE": base,
        "MXNET_BASE": base,
        "LOCK": "requirements.lock",
        "PYTHON": env.python or OWN_PYTHON,
        "FIRST": " ".join(lockfile.normalized(r) for r in env.build_requirements),
        "AFTER": "",  # the recipe's own steps do that
    }


def _write_context(out: IO[bytes], text: str, request: EnvironmentRequest) -> None:
    """Write what the build gets to see: the lock, and what the recipe builds from."""
    env, lock, wheels = request.env, request.lock, request.wheels
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.add(INSTALL, "mrbench/launch/executors/docker/docker_install.sh", filter=_anonymous)
        _add_bytes(tar, "requirements.lock", lock or b"")
        offline: list[str] = []
        for name, value in index_variables(env).items() if wheels is None else ():
            text = re.sub(r"^(?=RUN )", f"ARG {name}={value}\n", text, count=1, flags=re.MULTILINE)
        if wheels is not None:
            for path in _needed_wheels(wheels, env, lock or b""):
                tar.add(path, f"wheels/{path.name}", filter=_anonymous)
            text = re.sub(r"^(?=RUN )", f"COPY wheels {THERE}/wheels\n", text, flags=re.MULTILINE)
            offline = ["PIP_NO_INDEX=1", f"PIP_FIND_LINKS={THERE}/wheels"]
        for package, source in zip(env.packages, request.packages(), strict=True):
            there = f"packages/{source.path.name}"
            tar.add(source.path, there, filter=_anonymous)
            text += f"COPY {there} {THERE}/{there}\n"
            own = [f"{name}={value}" for name, value in package.variables.items()]
            text += _run(["env", *own, *offline, *PIP, f"{THERE}/{there}/{package.folder}"])
        if env.build:
            tar.add(request.checkout, "checkout", filter=_anonymous)
            text += f"COPY checkout {SOURCE}\nWORKDIR {SOURCE}\n"
            values = {"python": PYTHON, "checkout": SOURCE}
            for command in env.build:
                words = [fill_placeholders(word, values) for word in command]
                text += _run(["env", f"PYTHONPATH={SOURCE}", *offline, *words])
        _add_bytes(tar, "Dockerfile", text.encode())
    out.seek(0)


def index_variables(env: Environment) -> dict[str, str]:
    """Return where pip looks beside the usual index, as variables of the build."""
    local = [url for url in (env.index, *env.find_links) if url and url.startswith("file:")]
    if local:
        remedy = "name an https URL, or give --mirror a folder of `mrbench mirror create`"
        raise RecipeError(f"{local[0]} is not seen in an image", remedy)
    links = " ".join(env.find_links)
    named = {"PIP_EXTRA_INDEX_URL": env.index, "PIP_FIND_LINKS": links and json.dumps(links)}
    return {name: value for name, value in named.items() if value}


def _needed_wheels(wheels: Path, env: Environment, lock: bytes) -> Iterator[Path]:
    """Yield the locked files in a mirror's folder, and those that the build steps name."""
    words = [block.split()[0] for block in lockfile.blocks(lock).values()]
    words += [word for command in env.build for word in command if "==" in word]
    starts = tuple(f"{lockfile.normalized(w)}-{w.partition('==')[2]}" for w in words)
    for path in sorted(wheels.iterdir()):
        name = re.sub(r"[-_]+", "-", path.name).lower()
        if any(name.startswith((f"{s}-", f"{s}.tar", f"{s}.zip")) for s in starts):
            yield path


def _run(words: Sequence[str]) -> str:
    return f"RUN {json.dumps(list(words))}\n"


def _anonymous(item: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave out who owns a file, and when it came here: the builder's cache need not know."""
    item.uid = item.gid = item.mtime = 0
    item.uname = item.gname = ""
    return item


def _add_bytes(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    item = tarfile.TarInfo(name)
    item.size, item.mode = len(content), 0o644
    tar.addfile(item, io.BytesIO(content))


def _build(  # noqa: PLR0917 - the parts of a build, used once
    client: "docker.DockerClient",
    context: IO[bytes],
    log: Path,
    tag: str,
    labels: dict[str, str],
    arguments: dict[str, str],
) -> None:
    """Build; the error quotes what failed. If mrbench ends, the engine gives the build up.

    UnavailableError where a server did not answer, else LaunchError.
    """
    messages: Iterator[dict[str, Any]] = client.api.build(  # any: the engine's
        fileobj=context,
        custom_context=True,
        tag=tag,
        labels=labels,
        buildargs=arguments,
        network_mode="host",  # indexes and proxies as this machine reaches them
        rm=True,
        forcerm=True,
        decode=True,
        timeout=None,
    )
    with log.open("w") as out, translated(LaunchError):
        for line in messages:
            out.write(line.get("stream", ""))
            out.flush()
            if "error" in line:
                error = line["error"]
                out.write(f"\n{error}\n")
                out.flush()
                raise failed(log, error)


def failed(log: Path, error: str) -> MrbenchError:
    """Return the error for a build that ended; error: what the engine says of it in the end."""
    plain = re.sub(r"\x1b\[[\d;]*m", "", log.read_text(errors="replace"))  # errors come in red
    lines = [line.strip() for line in plain.splitlines()]
    errors = [
        line for line in lines if re.match(r"error\b|\w*(?:Error|Exception):", line, re.IGNORECASE)
    ]
    telling = errors[0][:300] if errors else meaning(error).text
    text = f"the image could not be built: {telling}"
    # pip and apt-get warn that no server answers, and then call it a package that there is not
    unanswered = SILENT.search(plain.rpartition("\nStep ")[2]) and NOT_FOUND.search(telling)
    if unanswered or SILENT.search(telling):
        return UnavailableError(text, f"check the network; see {log}")
    return LaunchError(text, f"see {log}")


def template(
    client: "docker.DockerClient", image: "Image", env: Environment, checkout: Path
) -> Path:
    """Return the checkout with what was built in it, fetched out of the image once."""
    if not env.build:
        return checkout
    place = home() / "envs" / f"{str(image.id).removeprefix('sha256:')[:16]}-built"
    mark_used(place)
    if place.is_dir():
        return place
    beside = Path(tempfile.mkdtemp(dir=place.parent, prefix=f".{place.name}."))
    container = client.containers.create(
        image, command=["none"], labels={RUN: "template", **owner()}
    )
    try:
        with tempfile.TemporaryFile(dir=place.parent) as packed:
            packed.writelines(container.get_archive(SOURCE)[0])
            packed.seek(0)
            with tarfile.open(fileobj=packed) as tar:
                tar.extractall(beside, filter="tar")
        with contextlib.suppress(FileExistsError, OSError):  # another process was faster
            (beside / Path(SOURCE).name).rename(place)
    finally:
        container.remove(force=True)
        shutil.rmtree(beside, ignore_errors=True)
    return place
