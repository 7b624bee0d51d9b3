"""The command line's parser: help with examples that fits 80 columns, and errors of one line."""

import argparse
from typing import Any, NoReturn

from mrbench.text import printable
from mrbench.wording import did_you_mean

BAD_USAGE = 2
FEW = 3  # options that a usage line can name one by one


class Parser(argparse.ArgumentParser):
    """Ends its help with examples; says in one line what is wrong, and exits with 2."""

    def __init__(self, *args: Any, examples: str = "", **kwargs: Any) -> None:  # noqa: ANN401 - argparse's
        super().__init__(*args, **kwargs)
        self.examples = examples

    def format_help(self) -> str:
        """Return the help; where options are many, its first line names those that must be."""
        optional = [a for a in self._actions if a.option_strings and not a.required]
        if self.usage is None and len(optional) > FEW:
            first = self._get_formatter()
            first.add_usage(None, [a for a in self._actions if a not in optional], [], "")
            self.usage = f"{first.format_help().strip()} [OPTION ...]".replace("%", "%%")
        lines = [f"  {line}" for line in self._all_examples()]
        return "\n".join([super().format_help(), "examples:", *lines]) + "\n"

    def _all_examples(self) -> list[str]:
        """Return the lines of its own examples and of those of its actions."""
        actions = [a.choices for a in self._actions if isinstance(a, argparse._SubParsersAction)]  # noqa: SLF001 - argparse has no other way
        parsers = [self, *(parser for choices in actions for parser in choices.values())]
        return [line for parser in parsers for line in parser.examples.splitlines()]

    def error(self, message: str) -> NoReturn:
        """End with one line: what is wrong, where, and where to read on."""
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
            return f"unexpected argument {word!r}; {self._meant(word)}".rstrip("; ")
        name = word.partition("=")[0]
        known = [option[2:] for option in self._option_string_actions if option[:2] == "--"]
        hint = did_you_mean(name.lstrip("-"), known).replace(" '", " '--")
        return f"there is no option {name!r}; {hint}".rstrip("; ")

    def _meant(self, word: str) -> str:
        """Return the option whose value the word could be, as a question; or nothing."""
        from mrbench.recipe import load  # noqa: PLC0415 - 20 ms, for mistakes only

        suites = load.suite_names()
        values = {"--suite": suites, "--impl": sum(map(load.implementations, suites), ())}
        options = [o for o in self._option_string_actions if word in values.get(o, ())]
        return f"did you mean {options[0]} {word}?" if options else ""

    def _check_value(self, action: argparse.Action, value: Any) -> None:  # noqa: ANN401 - argparse's
        """Answer an unknown word with the nearest that is known, or with all."""
        if action.choices is not None and value not in action.choices:
            known = tuple(map(str, action.choices))
            hint = did_you_mean(str(value), known) or f"known: {', '.join(known)}"
            raise argparse.ArgumentError(action, f"{value!r} is not known; {hint}")
