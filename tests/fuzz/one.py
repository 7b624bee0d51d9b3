"""Fuzzes one target: `python one.py TARGET FINDS [libFuzzer's arguments]`.

An input that fails is saved in the folder FINDS, one for each place where things fail, the shortest
that was seen; the search goes on behind it. Time and memory are libFuzzer's to watch.
"""

import hashlib
import sys
import traceback
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["mrbench"]):
    from targets import PLANTED, TARGETS

MESSAGE_CHARS = 2000


def main(name: str, finds: Path, arguments: list[str]) -> None:
    """Fuzz until libFuzzer ends the process."""
    call = {**TARGETS, **PLANTED}[name].call

    def run(data: bytes) -> None:
        try:
            call(data)
        except Exception as exc:  # noqa: BLE001 - whatever it is, it is a find
            save(finds, name, data, exc)

    atheris.Setup([sys.argv[0], *arguments], run)
    atheris.Fuzz()


def save(finds: Path, name: str, data: bytes, exc: Exception) -> None:
    """Keep the input, unless a shorter one fails in the same place."""
    frames = traceback.extract_tb(exc.__traceback__)[1:]
    place = [f"{Path(f.filename).name} {f.name} {f.line}" for f in frames]
    key = hashlib.sha256("\n".join([type(exc).__name__, *place]).encode()).hexdigest()[:8]
    path = finds / f"{name}--{key}"
    if path.exists() and path.stat().st_size <= len(data):
        return
    new = not path.exists()
    path.write_bytes(data)
    if new:
        text = f"{path.name}: {type(exc).__name__}: {exc}"[:MESSAGE_CHARS]
        print(f"FIND {text}\n  at {place[-1]}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
