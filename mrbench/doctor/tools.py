"""Programs that a run starts, and those that making an environment needs; Docker and Slurm."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec

from mrbench.doctor import stated
from mrbench.doctor.base import Plans, names, of_plan
from mrbench.doctor.inputs import installed
from mrbench.model.finding import Finding, Outcome
from mrbench.model.places import Places

ANSWER_S = 10.0
OLDEST_GIT = "2.32"
REMEDIES = {
    "git": "install git (on Debian: apt-get install git)",
    "gcc": "install it (on Debian: apt-get install gcc)",
    "g++": "install it (on Debian: apt-get install g++)",
    "make": "install it (on Debian: apt-get install make)",
    "cmake": "install it (on Debian: apt-get install cmake)",
    "mpirun": "install Open MPI (on Debian: apt-get install openmpi-bin)",
    "mpicxx": "install Open MPI with its headers (on Debian: apt-get install libopenmpi-dev)",
    "nvcc": "install the CUDA toolkit that the recipe names, and set CUDA_HOME",
}
GPU_RUNTIME, GPU_HOOK = "nvidia", "nvidia-container-runtime-hook"  # either serves --gpus


class EngineInfo(msgspec.Struct, frozen=True, rename="pascal"):
    """The part of `docker info` that is used; an engine that does not answer has no version."""

    server_version: str | None = None
    server_errors: tuple[str, ...] | None = None
    runtimes: dict[str, object] | None = None


def programs(plans: Plans, _places: Places) -> Iterator[Finding]:
    """Refuse a run whose programs are missing, including those that build its environment."""
    for plan in plans:
        word = plan.command[0]
        starts = () if "{" in word or os.sep in word else (word,)
        makes = () if installed(plan) else stated.programs(plan.environment)
        for name in dict.fromkeys(("git", *starts, *makes)):
            if text := _lack(name):
                yield of_plan(plan, name, "failed", text, REMEDIES.get(name, "install it"))


def _lack(name: str) -> str:
    """Say why a program cannot be used; empty if it can.

    Debian's openmpi-bin has MPI's wrappers, and only libopenmpi-dev what they compile with.
    """
    place = where(name)
    if place is None:
        return f"`{name}` is not on PATH"
    folders = re.findall(r"(?<=-I)\S+", answer(place, "-show")) if name == "mpicxx" else []
    if folders and not any((Path(folder) / "mpi.h").is_file() for folder in folders):
        return "`mpicxx` is there, but not the headers that it names (mpi.h)"
    return ""


def git(_plans: Plans, _places: Places) -> Iterator[Finding]:
    """Report git's version; `programs` reports a missing git."""
    place = where("git")
    if place is None:
        return
    number = answer(place, "--version").removeprefix("git version ")
    if stated.version(number) < stated.version(OLDEST_GIT):
        text = f"{number}, {place}; below {OLDEST_GIT} it reads your own settings in every step"
        yield Finding("git", "note", text, f"install git {OLDEST_GIT} or later")
    else:
        yield Finding("git", "ok", f"{number}, {place}")


def compilers(plans: Plans, _places: Places) -> list[Finding]:
    """Report the compilers' versions against what the recipes state."""
    there = {name: place for name in ("gcc", "g++", "make") if (place := where(name))}
    numbers = {name: _number(answer(place, "--version")) for name, place in there.items()}
    text = ", ".join(f"{name} {number}" for name, number in numbers.items()) or "none"
    findings = []
    for plan in plans:
        supported = stated.compilers(plan.environment)
        if supported and "g++" in numbers and not stated.within(numbers["g++"], *supported):
            mismatch = (
                f"g++ {numbers['g++']}; the recipe builds with {supported[0]} to {supported[1]}"
            )
            remedy = "install such a one, and name it in CC and CXX"
            findings.append(of_plan(plan, "compilers", "note", mismatch, remedy))
    return findings or [Finding("compilers", "ok", text)]


def nvcc(plans: Plans, _places: Places) -> Iterator[Finding]:
    """Report the CUDA toolkit's version where a recipe builds with it."""
    place = where("nvcc")
    for plan in plans:
        if place is None or "nvcc" not in stated.programs(plan.environment):
            continue
        release = re.search(r"release ([\d.]+)", answer(place, "--version"))
        number, toolkit = release[1] if release else "unknown", stated.toolkit(plan.environment)
        if toolkit and number != toolkit:
            text = f"{number}, {place}; the recipe builds with {toolkit}"
            remedy = f"install CUDA toolkit {toolkit}, and name it in CUDA_HOME"
            yield of_plan(plan, "nvcc", "note", text, remedy)
        else:
            yield of_plan(plan, "nvcc", "ok", f"{number}, {place}")


def mpi(plans: Plans, _places: Places) -> Iterator[Finding]:
    """Report MPI's version where a recipe launches or builds with it."""
    for plan in plans:
        commands = {plan.command[0], *stated.programs(plan.environment)} & {"mpirun", "mpicxx"}
        available = [name for name in sorted(commands) if where(name)]
        if available:
            first = answer(where(available[-1]) or "", "--version").partition("\n")[0]
            yield of_plan(plan, "MPI", "ok", f"{', '.join(available)}: {first}")


def libraries(plans: Plans, _places: Places) -> Iterator[Finding]:
    """Look for the shared libraries that a recipe's packages load."""
    ldconfig = shutil.which("ldconfig", path=f"{os.environ.get('PATH', '')}:/sbin:/usr/sbin")
    known = answer(ldconfig, "-p") if ldconfig else ""
    for plan in plans if known else ():
        packages = stated.libraries(plan.environment)
        absent = [package for package in packages if stated.LIBRARIES[package] not in known]
        if absent:
            text = f"{', '.join(absent)} not found"
            remedy = f"on Debian: apt-get install {' '.join(absent)}"
            yield of_plan(plan, "libraries", "note", text, remedy)
        elif packages:
            yield of_plan(plan, "libraries", "ok", ", ".join(packages))


def docker(plans: Plans, _places: Places) -> list[Finding]:
    """Report whether Docker is installed, its engine answers and it can use GPUs."""
    wanting = [plan for plan in plans if plan.environment.kind == "image"]
    unneeded = "" if wanting else "; no chosen recipe needs it"
    outcome: Outcome = "note" if wanting else "ok"
    place = shutil.which("docker")
    engine, why = _engine(place) if place else (None, "")
    if place is None:
        text = "not installed"
        remedy = "install Docker Engine (on Debian: apt-get install docker.io)"
    elif engine is None:
        text = "no engine answers" + (f" ({why})" if wanting else "")
        remedy = "start it, and let this user into the group docker"
    else:
        known = GPU_RUNTIME in (engine.runtimes or {}) or shutil.which(GPU_HOOK)
        text = f"engine {engine.server_version}, {'with' if known else 'without'} GPU runtime"
        remedy = "install the NVIDIA Container Toolkit: nvidia-ctk runtime configure"
        if known or not any(plan.accelerator == "gpu" for plan in wanting):
            outcome = "ok"
    remedy = remedy if outcome == "note" else ""
    return [Finding("Docker", outcome, f"{text}{unneeded}", remedy, names(wanting))]


def slurm(_plans: Plans, _places: Places) -> list[Finding]:
    """Report whether this machine belongs to a Slurm cluster."""
    there = [name for name in ("sinfo", "srun", "sbatch") if shutil.which(name)]
    if not there:
        return [Finding("Slurm", "ok", "not here; runs start on this machine")]
    version = answer("sinfo", "--version") if "sinfo" in there else ""
    job = os.environ.get("SLURM_JOB_ID")
    where = f"within job {job}" if job else "runs start on this machine, in no job"
    text = ", ".join([version] * bool(version) + [f"{' and '.join(there)} here", where])
    return [Finding("Slurm", "ok", text)]


def _engine(place: str) -> tuple[EngineInfo | None, str]:
    """Ask the engine; without a version, return None and the first line of its answer."""
    try:
        done = ask(place, "info", "--format", "{{json .}}")
        info = msgspec.json.decode(done.stdout, type=EngineInfo)
    except subprocess.TimeoutExpired:
        return None, f"nothing in {ANSWER_S:g} s"
    except OSError as exc:
        return None, str(exc.strerror)
    except msgspec.DecodeError:
        return None, _first_line(done.stderr)
    if info.server_version:
        return info, ""
    return None, _first_line("\n".join(info.server_errors or [done.stderr]))


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "no reason given")


def where(name: str) -> str | None:
    """Return the program's path, found as the builds find it."""
    named = os.environ.get({"gcc": "CC", "g++": "CXX"}.get(name, ""), "").split()
    if named:
        return shutil.which(named[0])
    if name == "nvcc":
        for variable in ("CUDA_HOME", "CUDA_PATH", "CUDAHOME"):
            folder = os.environ.get(variable)
            if folder:
                return shutil.which(Path(folder) / "bin" / "nvcc")
        return shutil.which(name) or shutil.which("/usr/local/cuda/bin/nvcc")
    return shutil.which(name)


def ask(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a program that tells something; OSError or TimeoutExpired where it does not."""
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=ANSWER_S,
        check=False,
    )


def answer(program: str, *words: str) -> str:
    """Return what a program prints; empty if it fails or hangs."""
    try:
        done = ask(program, *words)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _number(output: str) -> str:
    """Return the version in the first line of a GNU program's output."""
    numbers = re.findall(r"\d+(?:\.\d+)+", output.partition("\n")[0])
    return numbers[-1] if numbers else "of unknown version"
