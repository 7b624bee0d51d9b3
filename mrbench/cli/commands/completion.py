"""`mrbench completion`: print what makes a shell complete mrbench's command lines."""

import argparse

from mrbench.cli.commands import Command
from mrbench.cli.completion import script

COMMAND = Command(
    group="Get ready and clean up",
    order=8,
    brief="for bash, zsh and fish",
    help=(
        "Print a script that makes a shell complete commands, options, suites, implementations, "
        "formats, files and runs when Tab is pressed."
    ),
    examples="""\
eval "$(mrbench completion bash)"    # in ~/.bashrc
eval "$(mrbench completion zsh)"     # in ~/.zshrc, after compinit
mrbench completion fish | source     # in ~/.config/fish/config.fish""",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench completion`."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"))


def main(args: argparse.Namespace) -> int:
    """Print the script."""
    print(script(args.shell), end="")
    return 0
