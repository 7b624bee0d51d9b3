"""Docker and Slurm: of use to some recipes and sites, needed by none that run on this machine."""

import os
import shutil
import subprocess

import msgspec

from mrbench.doctor.base import Plans, names
from mrbench.doctor.tools import ANSWER_S, answer, ask
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
    unneeded = "" if wanting else "; no chosen recipe needs it"
    outcome: Outcome = "note" if wanting else "ok"
    place = shutil.which("docker")
    engine, why = _info(place) if place else (None, "")
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


def _info(place: str) -> tuple[EngineInfo | None, str]:
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
