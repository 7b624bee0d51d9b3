"""`python -m mrbench`, and the entry point of the installed command."""

import sys


def main() -> None:
    """Run the command line and exit with its code."""
    from mrbench import cli  # noqa: PLC0415 - so that the handler below covers slow imports too

    sys.exit(cli.main())


if __name__ == "__main__":
    main()
