"""mrbench itself and what it needs, as wheels: pip installs it from a mirror, without a network."""

import base64
import hashlib
import io
import json
import re
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mrbench.errors import MrbenchError, UnavailableError
from mrbench.files import write_whole
from mrbench.prepare import index
from mrbench.prepare.environment.install import options_for, variables_for
from mrbench.prepare.environment.interpreter import uv
from mrbench.prepare.inherited import for_steps
from mrbench.prepare.mirror.base import WHEELS, wheels_folder
from mrbench.prepare.mirror.manifest import Installable, Missing
from mrbench.prepare.mirror.wheels import choose, fetch

NAME = "mrbench"
PREFIX = f"{WHEELS}/{NAME}-"  # of the paths of mrbench's own wheels in a mirror
EXTRA = "report"  # small, and what comes back from such a machine is looked at
LIMIT_S = 600
# Written by whoever installs, about that installation.
OF_INSTALLER = {"INSTALLER", "REQUESTED", "RECORD", "direct_url.json"}
EARLIEST = (1980, 1, 1, 0, 0, 0)  # of a zip file: the same files make the same wheel
_EXTRA = re.compile(r"\bextra\s*==\s*['\"](?P<name>[^'\"]+)['\"]")


def collect(
    folder: Path, pythons: Sequence[str], mirror: str | None, say: index.Say
) -> dict[str, Installable]:
    """Put the wheels for these versions of Python into the mirror; returns those of each."""
    say("making mrbench's own wheel")
    try:
        own, lacking = [_own_wheel(folder / WHEELS)], list[Missing]()
    except (MrbenchError, OSError) as exc:
        own, lacking = [], [Missing(NAME, str(exc))]
    return {
        python: _for(folder, python, mirror, own, tuple(lacking), say)
        for python in dict.fromkeys(pythons)
    }


def _for(  # noqa: PLR0917 - the parts of `collect`
    folder: Path,
    python: str,
    mirror: str | None,
    own: Sequence[str],
    missing: tuple[Missing, ...],
    say: index.Say,
) -> Installable:
    say(f"looking for what mrbench needs with Python {python}")
    wheels = wheels_folder(mirror)
    options, variables = options_for(wheels), variables_for(index.UNNAMED, wheels)
    try:
        found = index.ask(requirements(), python, options, variables, dependencies=True)
    except UnavailableError as exc:
        return Installable(files=tuple(own), missing=(*missing, Missing("its needs", str(exc))))
    told = (
        (f"file of {name}", item)
        for name, candidates in sorted(found.items())
        for item in choose(candidates, set())
    )
    paths, lacking = fetch(folder, told, say)
    return Installable(files=(*own, *paths), missing=(*missing, *lacking))


def requirements() -> list[str]:
    """Return what mrbench needs, with what its reports need."""
    lines = []
    for line in metadata.requires(NAME) or ():
        extra = _EXTRA.search(line)
        if extra is None or extra["name"] == EXTRA:
            lines.append(line.partition(";")[0].strip() if extra else line)
    return lines


def _own_wheel(folder: Path) -> str:
    """Write this mrbench's wheel into the folder, and return its path in the mirror.

    One that is installed is packed again; of a checkout it is built, which asks an index for the
    builder. UnavailableError where that fails.
    """
    distribution = metadata.distribution(NAME)
    source = _checkout(distribution)
    name, content = _built(source) if source else _packed(distribution)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / name, content)
    return f"{WHEELS}/{name}"


def _checkout(distribution: metadata.Distribution) -> Path | None:
    """Return the folder that an editable installation stands for, or None (PEP 610)."""
    try:
        content = json.loads(distribution.read_text("direct_url.json") or "{}")
    except ValueError:
        return None
    editable = (content.get("dir_info") or {}).get("editable")
    return Path(unquote(urlsplit(content["url"]).path)) if editable else None


def _built(source: Path) -> tuple[str, bytes]:
    with tempfile.TemporaryDirectory(prefix="mrbench-") as name:
        done = subprocess.run(
            [uv(), "build", "--quiet", "--wheel", "--out-dir", name, str(source)],
            env=for_steps(),
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        wheels = list(Path(name).glob("*.whl"))
        if done.returncode or len(wheels) != 1:
            why = " ".join(done.stderr.split())[:300] or "none was made"
            text = f"its wheel cannot be built from {source}: {why}"
            raise UnavailableError(text, "install mrbench from a wheel, and run it from there")
        return wheels[0].name, wheels[0].read_bytes()


def _packed(distribution: metadata.Distribution) -> tuple[str, bytes]:
    """Return the name and bytes of the wheel that an installation came from, but for its times."""
    information = f"{NAME}-{distribution.version}.dist-info"
    rows, out = list[str](), io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for path, content in sorted(_contents(distribution)):
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
            rows.append(f"{path},sha256={digest.decode()},{len(content)}\n")
            packed.writestr(_entry(path), content)
        record = f"{information}/RECORD"
        packed.writestr(_entry(record), "".join([*rows, f"{record},,\n"]))
    if not rows:
        raise UnavailableError("its installation has no list of files", "install it with pip")
    return f"{NAME}-{distribution.version}-py3-none-any.whl", out.getvalue()


def _contents(distribution: metadata.Distribution) -> Iterator[tuple[str, bytes]]:
    """Yield the files of an installation that came from its wheel."""
    for file in distribution.files or ():
        told = file.parent.name.endswith(".dist-info") and file.name in OF_INSTALLER
        if ".." not in file.parts and "__pycache__" not in file.parts and not told:
            yield file.as_posix(), Path(str(file.locate())).read_bytes()


def _entry(path: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(path, EARLIEST)
    entry.external_attr = 0o644 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry
