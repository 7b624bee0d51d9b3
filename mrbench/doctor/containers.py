"""Docker and Slurm: of use to some recipes and sites, needed by none that run on this machine."""

import os
import shutil
import subprocess

import msgspec

from mrbench.doctor.base import Plans, names
from mrbench.doctor.tools import ANSWER_S, answer
from mrbench.model.finding import Finding, Outcome
from mrbench.model.places import Places


class EngineInfo(msgspec.Struct, frozen=True, rename="pascal"):
    """The part of `docker info` that is used; an engine that does not answer has no version."""

    server_version: str | None = None
    server_errors: tuple[str, ...] | None = None
    runtimes: dict[str, object] | None = None


GPU_RUNTIME, GPU_HOOK = "nvidia", "nvidia-container-runtime-hook"  # either serves --gpus


def docker(plans: Plans, _places: Places) -> list[Finding]:
    """Report whether Docker is installed, its engine answers and it can use GPUs."""
    wanting = [plan for plan in plans if plan.environment.kind == "image"]
    outcome: Outcome = "note" if wanting else "ok"
    unneeded = "" if wanting else "; no chosen recipe needs it"
    whose = names(wanting)
    place = shutil.which("docker")
    if place is None:
        remedy = "install Docker Engine (on Debian: apt-get install docker.io)" if wanting else ""
        return [Finding("Docker", outcome, f"not installed{unneeded}", remedy, whose)]
    engine, why = _info(place)
    if engine is None:
        remedy = "start it, and let this user into the group docker" if wanting else ""
        reason = f" ({why})" if wanting else unneeded
        return [Finding("Docker", outcome, f"no engine answers{reason}", remedy, whose)]
    known = GPU_RUNTIME in (engine.runtimes or {}) or shutil.which(GPU_HOOK)
    gpus = "with" if known else "without"
    text = f"engine {engine.server_version}, {gpus} GPU runtime{unneeded}"
    if gpus == "without" and any(plan.accelerator == "gpu" for plan in wanting):
        remedy = "install the NVIDIA Container Toolkit: nvidia-ctk runtime configure"
        return [Finding("Docker", "note", text, remedy, whose)]
    return [Finding("Docker", "ok", text, "", whose)]


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


def _info(place: str) -> tuple[EngineInfo | None, str]:
    """Ask the engine; without a version, return None and the first line of its answer."""
    command = [place, "info", "--format", "{{json .}}"]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=ANSWER_S,
            check=False,
        )
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
