"""`mrbench completion`: print what makes a shell complete mrbench's command lines."""

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of `mrbench completion`."""
    parser.description = (
        "Print a script that makes a shell complete commands, options, suites, implementations,"
        " formats, files and runs when Tab is pressed."
    )
    parser.add_argument("shell", choices=("bash", "zsh", "fish"))


def main(args: argparse.Namespace) -> int:
    """Print the script."""
    from mrbench.cli.completion import script  # noqa: PLC0415 - only this command

    print(script(args.shell), end="")
    return 0
