"""What an interpreter says of itself: modules and distributions, by a program run in it."""

import functools
import hashlib
import tempfile
from pathlib import Path

import msgspec

from mrbench import files
from mrbench.errors import LaunchError
from mrbench.files import home
from mrbench.prepare.step import beside, run_step

# Runs in interpreters from 3.7 on; what is imported may print, so the answer goes to a file.
FIND, IMPORT = "find", "import"  # what it does with the modules that it is given
ASK = r"""
import importlib, importlib.util, json, os, platform, sys
out, how, names = sys.argv[1], sys.argv[2], sys.argv[3:]
lacking, broken = [], []
for name in names:
    try:
        if how == "import":
            importlib.import_module(name)
        elif importlib.util.find_spec(name.partition(".")[0]) is None:
            lacking.append(name.partition(".")[0])
    except ModuleNotFoundError as exc:
        lacking.append(exc.name or name)
    except Exception as exc:
        broken.append([name, "%s: %s" % (type(exc).__name__, exc)])
given = {os.path.abspath(p) for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p}
places = [p for p in sys.path if p and os.path.abspath(p) not in given]
packages, damaged = [], []
try:
    from importlib.metadata import distributions
    for d in distributions(path=places):
        try:
            if d.metadata["Name"]:
                origin = d.read_text("direct_url.json") or ""
                packages.append([d.metadata["Name"], d.version, origin])
        except Exception as exc:
            damaged.append([str(getattr(d, "_path", d)), "%s: %s" % (type(exc).__name__, exc)])
except ImportError:
    import pkg_resources
    packages = [[d.project_name, d.version, ""] for d in pkg_resources.WorkingSet(places)]
result = {
    "python": sys.executable,
    "whole": " ".join((platform.python_implementation() + " " + sys.version).split()),
    "packages": packages,
    "lacking": lacking,
    "broken": broken,
    "damaged": damaged,
}
with open(out, "w") as file:
    json.dump(result, file)
"""


class Answer(msgspec.Struct, frozen=True):
    """What an interpreter said of itself.

    packages: name, version and direct_url.json of each distribution. lacking: modules that are not
    there, of those asked for or what they import. broken: modules whose import failed, and how.
    damaged: distributions that cannot be read, and how.
    """

    python: str
    whole: str
    packages: tuple[tuple[str, str, str], ...]
    lacking: tuple[str, ...]
    broken: tuple[tuple[str, str], ...]
    damaged: tuple[tuple[str, str], ...]


@functools.cache
def asked(python: Path, how: str, names: tuple[str, ...], source: Path | None = None) -> Answer:
    """Have the interpreter find or import these modules, and list its packages.

    source: a folder whose modules it sees, too. LaunchError where it does not answer.
    """
    key = hashlib.sha256(str(python).encode()).hexdigest()[:16]
    log = home() / "logs" / f"own-{key}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="mrbench-") as name:
        out = Path(name) / "answer.json"
        run_step(
            [str(python), "-c", ASK, str(out), how, *names],
            directory=source or Path(name),
            log=log,
            variables={**beside(python), "PYTHONPATH": str(source or "")},
            what="environment",
        )
        try:
            return files.decode(out.read_bytes(), Answer, out)
        except OSError as exc:
            text = f"{python} says nothing about itself"
            raise LaunchError(text, f"give a Python 3.7 or later; see {log}") from exc
