"""A program beside mrbench: renews the leases of its jobs, and cancels them when mrbench dies.

Standard input: a line `job <name> <folder>` for each before it is submitted, `bye` in the end. Its
end without that means that mrbench was killed. Run as a script, it needs the standard library only.
"""

import os
import select
import subprocess
import time

RENEW_S = 5.0
ROUNDS = 3  # a submission may be on its way while mrbench dies
PAUSE_S = 2.0


def main() -> None:
    """Watch until told to go, or until there is nobody to watch."""
    jobs: dict[str, str] = {}
    count, held, orderly = 0, b"", False
    while True:
        ready, _, _ = select.select([0], [], [], RENEW_S)
        if ready:
            words = os.read(0, 1 << 16)
            if not words:
                break
            *lines, held = (held + words).split(b"\n")
            for line in lines:
                kind, _, rest = os.fsdecode(line).partition(" ")
                orderly = orderly or kind == "bye"
                if kind == "job":
                    name, _, folder = rest.partition(" ")
                    jobs[name] = folder
                elif kind == "over":
                    jobs.pop(rest, None)
        count += 1
        for folder in jobs.values():
            renew(folder, count)
    for _ in range(0 if orderly or not jobs else ROUNDS):
        for name in jobs:
            words_of = ["scancel", "--quiet", f"--name={name}"]
            subprocess.run(words_of, stdin=subprocess.DEVNULL, timeout=60, check=False)
        time.sleep(PAUSE_S)


def renew(folder: str, count: int) -> None:
    """Write another number than before, which nodes see whatever their clocks say."""
    try:
        with open(os.path.join(folder, "lease"), "w", encoding="ascii") as file:  # noqa: PTH118, PTH123 - pathlib is not needed for this
            file.write(f"{os.getpid()}.{count}\n")
    except OSError:  # the folder is gone, or the disk is full: the node will end the job
        pass


if __name__ == "__main__":
    main()
