"""What tests use and a machine may lack: programs, Debian's packages of them, Python's modules.

`python3 tests/needs.py` says what this machine lacks and which tests are skipped for it;
with --packages it prints the names of those packages alone, for apt-get.
"""

import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple


class Need(NamedTuple):
    """Programs (or files) that some tests use; root: whether these tests need that user, too.

    modules: of Python, each called as the package that brings it.
    """

    programs: tuple[str, ...]
    packages: tuple[str, ...]
    tests: str
    root: bool = False
    modules: tuple[str, ...] = ()


NEEDS = {
    "git": Need(("git", "make"), ("git", "make"), "nearly all (they fail)"),
    "nvml": Need(
        ("gcc", "/usr/include/stdio.h"),
        ("gcc", "libc6-dev"),
        "GPUs, by a stub of NVML built from C",
    ),
    "signing": Need(("ssh-keygen",), ("openssh-client",), "signatures by SSH keys"),
    "https": Need(("openssl",), ("openssl",), "downloads over https, from the loopback"),
    "offline": Need(("unshare", "ip"), ("util-linux", "iproute2"), "mirrors without a network"),
    "terminal": Need(("script",), ("bsdutils",), "colours in a terminal"),
    "zsh": Need(("zsh",), ("zsh",), "Tab in zsh"),
    "fish": Need(("fish",), ("fish",), "Tab in fish"),
    "browser": Need(
        ("chromium", "chromedriver", "/usr/share/fonts/truetype/dejavu"),
        ("chromium", "chromium-driver", "fonts-dejavu-core"),
        "the report in a browser",
    ),
    "docker": Need(
        ("docker", "dockerd", "docker-init", "busybox"),
        ("docker.io", "busybox-static"),
        "containers, on an engine that the tests start themselves",
        root=True,
    ),
    "slurm": Need(
        (
            *("slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol", "sinfo", "munged"),
            *("sacct", "sacctmgr"),
        ),
        ("slurm-wlm", "slurm-wlm-basic-plugins", "munge"),
        "clusters, on a Slurm that the tests start themselves",
        root=True,
    ),
    "accounting": Need(
        ("slurmdbd", "mariadbd", "mariadb", "mariadb-install-db"),
        ("slurmdbd", "mariadb-server"),
        "Slurm's accounting",
    ),
    "mpi": Need(("mpirun",), ("openmpi-bin",), "Open MPI over the nodes of a cluster"),
    "pandas": Need((), (), "the example of docs/python.md with pandas", modules=("pandas",)),
    "torch": Need((), (), "torchvision's training script", modules=("torch", "torchvision")),
}


def lacking(name: str) -> str | None:
    """Say what this machine lacks of a need, or None."""
    need = NEEDS[name]
    absent = [program for program in need.programs if not _is_here(program)]
    if absent:
        return f"no {', '.join(absent)} here (on Debian: apt-get install {' '.join(need.packages)})"
    unknown = [module for module in need.modules if find_spec(module) is None]
    if unknown:
        return f"no {', '.join(unknown)} in this Python (pip install {' '.join(unknown)})"
    return "needs root" if need.root and os.geteuid() != 0 else None


def _is_here(program: str) -> bool:
    if "/" in program:
        return Path(program).exists()
    return shutil.which(program, path=search_path()) is not None


def search_path(path: str | None = None) -> str:
    """Return PATH (or another) with the folders of daemons, which a user's often leaves out."""
    return f"{path or os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def skip_without(name: str) -> None:
    """Skip the test that calls this where something of a need is lacking."""
    if text := lacking(name):
        import pytest

        pytest.skip(text)


def main() -> None:
    """Say what is lacking, or print the packages."""
    lacks = {name: text for name in NEEDS if (text := lacking(name))}
    if sys.argv[1:] == ["--packages"]:
        lines = [" ".join(p for name in lacks for p in NEEDS[name].packages)]
    else:
        lines = [f"not tested: {NEEDS[name].tests}: {text}" for name, text in lacks.items()]
    sys.stdout.writelines(f"{line}\n" for line in lines or ["All that the tests use is here."])


if __name__ == "__main__":
    main()
