"""The command line's parser: help with examples that fits 80 columns, and errors of one line."""

import argparse
from collections.abc import Iterable
from typing import Any, NoReturn

from mrbench.cli.examples import EXAMPLES

BAD_USAGE = 2
FEW = 3  # options that a usage line can name one by one


class Parser(argparse.ArgumentParser):
    """Ends its help with examples; says in one line what is wrong, and exits with 2."""

    def format_help(self) -> str:
        """Return the help; where options are many, its first line names those that must be."""
        optional = [a for a in self._actions if a.option_strings and not a.required]
        if self.usage is None and len(optional) > FEW:
            first = self._get_formatter()
            first.add_usage(None, [a for a in self._actions if a not in optional], [], "")
            self.usage = f"{first.format_help().strip()} [OPTION ...]".replace("%", "%%")
        return super().format_help() + _examples(self.prog)

    def error(self, message: str) -> NoReturn:
        """End with one line: what is wrong, where, and where to read on."""
        from mrbench.text import printable  # noqa: PLC0415 - for mistakes only

        text = printable(message.removeprefix("argument "))
        mark = "" if text.endswith("?") else ";"
        self.exit(BAD_USAGE, f"mrbench: {text}{mark} see `{self.prog} --help`\n")

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:  # noqa: ANN401 - argparse's overloads
        """Refuse what is not known here, where the command's own options are."""
        known, extra = super().parse_known_args(args, namespace)
        if extra:
            self.error(self._unknown(extra[0]))
        return known, extra

    def _unknown(self, word: str) -> str:
        if not word.startswith("-"):
            return f"{word!r} is one word too many"
        name = word.partition("=")[0]
        known = [option[2:] for option in self._option_string_actions if option[:2] == "--"]
        hint = _hint(name.lstrip("-"), known).replace(" '", " '--")
        return f"there is no option {name!r}; {hint}".rstrip("; ")

    def _check_value(self, action: argparse.Action, value: Any) -> None:  # noqa: ANN401 - argparse's
        """Answer an unknown word with the nearest that is known, or with all."""
        if action.choices is not None and value not in action.choices:
            known = tuple(map(str, action.choices))
            hint = _hint(str(value), known) or f"known: {', '.join(known)}"
            raise argparse.ArgumentError(action, f"{value!r} is not known; {hint}")


def _examples(prog: str) -> str:
    """Return the examples of a command, or of all its actions, as the end of a help text."""
    name = prog.partition(" ")[2]
    texts = [text for key, text in EXAMPLES.items() if f"{key} ".startswith(f"{name} ")]
    if not name or not texts:
        return ""
    lines = "\n".join(texts).splitlines()
    return "\n".join(["", "examples:", *(f"  {line}" for line in lines)]) + "\n"


def _hint(name: str, known: Iterable[str]) -> str:
    from mrbench.wording import did_you_mean  # noqa: PLC0415 - for mistakes only

    return did_you_mean(name, known)
