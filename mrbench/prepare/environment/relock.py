"""`mrbench lock`: write the lock files that recipes name."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from mrbench.errors import MrbenchError
from mrbench.files import home, write_whole
from mrbench.prepare.environment.lock import resolve
from mrbench.recipe.load import RecipeFile


def relock(files: Iterable[RecipeFile], *, upgrade: bool) -> Iterator[str | MrbenchError]:
    """Write each recipe's lock; yields a line on each, or its error, and goes on.

    Versions stay as they are in a lock that exists, unless `upgrade`.
    """
    for file in files:
        env = file.recipe.environment
        if env.lock is None:
            continue
        place = Path(file.place.file).parent / env.lock
        log = home() / "logs" / f"lock-{file.suite_name}-{file.name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.unlink(missing_ok=True)
        old = place.read_bytes() if place.is_file() else None
        try:
            made = resolve(env, None if upgrade else old, log)
        except MrbenchError as exc:
            yield type(exc)(f"{file.name}: {exc}")
            continue
        if made != old:
            write_whole(place, made)
        yield f"{place}: {'as it was' if made == old else 'written'}"
