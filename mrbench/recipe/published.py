"""Reads the rules by which published numbers were made: those that mrbench brings, or a file."""

import functools
from pathlib import Path

from mrbench.errors import RecipeError
from mrbench.measure.parsers import resolve_format
from mrbench.measure.published.lines import compiled
from mrbench.model.published import PublishedRule, RuleBook
from mrbench.recipe import validate, yamlfile
from mrbench.text import did_you_mean

BOOK = Path(__file__).with_suffix(".yaml")


@functools.cache
def known() -> dict[str, PublishedRule]:
    """Return the rules that mrbench brings, by their names."""
    book, _ = yamlfile.load_yaml(RuleBook, BOOK)
    return dict(book.rules)


def load(called: str) -> PublishedRule:
    """Return a rule by its name, or from a YAML file. Raises RecipeError."""
    path = Path(called)
    if path.suffix in (".yaml", ".yml") or path.is_file() or "/" in called:
        rule, place = yamlfile.load_yaml(PublishedRule, path)
        if rule.log is not None:
            validate.check_log(rule.log, place)
        try:
            compiled(rule)
            if rule.log is not None:
                resolve_format(rule.log)
        except RecipeError as exc:
            raise place.error(exc.key or "log", exc.text, exc.remedy) from exc
        return rule
    rules = known()
    if called not in rules:
        hint = did_you_mean(called, rules) or f"known are {', '.join(sorted(rules))}"
        raise RecipeError(f"no rule {called!r}", f"{hint}; or give a file, as mine.yaml")
    return rules[called]
