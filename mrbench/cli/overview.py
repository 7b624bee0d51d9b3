"""What `mrbench --help` prints: all commands on one screen, those that matter first."""

from collections.abc import Collection, Mapping

ABOUT = (
    "Reproducible training-throughput benchmarks of other people's code.",
    "",
    "usage: mrbench [--version] COMMAND [OPTION ...]    more: mrbench COMMAND --help",
)
TRY = "  mrbench run --suite demo && mrbench table --suite demo    try it, on any CPU"
FIRST = {
    "run": "train and measure; writes a record for each run",
    "table": "compare the runs of a suite, beside the published numbers",
    "check": "tell whether recipes still hold, or runs got slower",
}
GROUPS: Mapping[str, Mapping[str, str]] = {
    "Look at runs": {
        "show": "tell all about one run",
        "compare": "in what two runs differ",
        "verify": "compute numbers again",
        "parse": "measure an existing log",
        "report": "a page with pictures",
        "pack": "an archive, secrets masked",
        "baseline": "numbers to check against",
    },
    "Get ready": {
        "list": "suites and recipes",
        "doctor": "what this machine lacks",
        "prepare": "all but the launch",
        "lock": "pin all packages",
        "data": "draw or check a dataset",
        "mirror": "for machines offline",
        "schema": "of recipes, for editors",
        "completion": "in bash, zsh and fish",
    },
    "Clusters and containers": {
        "status": "what is queued or running",
        "collect": "finish runs' records",
        "cleanup": "remove what the killed left",
    },
}
COLUMN = 40  # of two, on 80


def text(known: Collection[str]) -> str:
    """Return the overview of the commands that are known: at most 23 lines of 79 characters."""
    lines = [*ABOUT, "", "Begin with", *_entries(FIRST, known)]
    for heading, members in GROUPS.items():
        entries = [entry.ljust(COLUMN) for entry in _entries(members, known)]
        lines += [heading, *("".join(entries[i : i + 2]) for i in range(0, len(entries), 2))]
    return "\n".join(line.rstrip() for line in [*lines, "", TRY]) + "\n"


def _entries(members: Mapping[str, str], known: Collection[str]) -> list[str]:
    return [f"  {name:10} {told}" for name, told in members.items() if name in known]
