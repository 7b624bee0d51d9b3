"""What all checks share: the file they look at, and how a finding is made."""

from dataclasses import dataclass
from pathlib import Path

from mrbench.errors import MrbenchError
from mrbench.model.finding import Finding, Outcome
from mrbench.model.plan import Plan
from mrbench.recipe.load import RecipeFile
from mrbench.recipe.yamlfile import Place


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A file that reads well, by the name that findings call it by; place: of its keys."""

    name: str
    place: Place

    def ok(self, topic: str, text: str, **figures: float) -> Finding:
        """Report that it holds; figures: numbers of it, for machines."""
        return Finding(topic, "ok", text, subject=self.name, figures=figures)

    def finding(
        self, topic: str, text: str, remedy: str, key: str, outcome: Outcome = "failed"
    ) -> Finding:
        """Report what is wrong, or was not looked at, where that key of the file stands."""
        file, line = shown(Path(self.place.file)), self.place.line(key)
        return Finding(
            topic, outcome, text, remedy, subject=self.name, file=file, line=line, key=key
        )


@dataclass(frozen=True, kw_only=True)
class Subject(Checked):
    """A recipe. plan: made without its lock, which is looked at by itself.

    base: the folder whose recipes/, patches/ and tests/ it belongs to; None for one on its own.
    """

    file: RecipeFile
    plan: Plan
    base: Path | None

    def in_file(self, topic: str, text: str, remedy: str, path: Path, line: int | None) -> Finding:
        """Report what is wrong in another file, which the recipe names."""
        file = shown(path)
        return Finding(topic, "failed", text, remedy, subject=self.name, file=file, line=line)

    def lacking(self, topic: str, text: str, remedy: str, key: str) -> Finding:
        """Report what one of a suite's recipes must have, and one on its own may have later."""
        return self.finding(
            topic, text, remedy, key, "not checked" if self.base is None else "failed"
        )


def refused(topic: str, subject: str, error: MrbenchError, path: Path) -> Finding:
    """Report an error; path: the file that was read, where the error names none."""
    text = f"{error.key}: {error.text}" if error.key else error.text
    remedy, key = error.remedy or "correct it there", error.key or ""
    file = shown(Path(error.file or path))
    return Finding(
        topic, "failed", text, remedy, subject=subject, file=file, line=error.line, key=key
    )


def shown(path: Path) -> str:
    """Return a path as people and annotations know it: from the current folder, if it is below."""
    whole = path.absolute()
    here = Path.cwd()
    return str(whole.relative_to(here) if whole.is_relative_to(here) else whole)
