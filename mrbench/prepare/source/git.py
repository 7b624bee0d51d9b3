"""The only door to git: GitPython's command object, in an environment that holds no surprises.

Local steps read nobody's configuration: theirs must give the same bytes on every machine. Steps on
the network read the user's and the system's, since proxies and certificates are told there, but
what runs programs, asks questions or writes elsewhere is overruled. Credential helpers are off as
well (they may open windows); a private repository is reached by ssh:// and an agent.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from mrbench.errors import UnavailableError, WorkspaceError

LOCAL_LIMIT_S = 900
NETWORK_LIMIT_S = 3600
GRACE_S = 3  # git removes its half-made files on SIGTERM
# of the inherited variables, for the network only
KEPT = (
    *("GIT_SSL_", "GIT_SSH", "GIT_PROXY_"),
    *("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"),
)
ALWAYS = {
    "GIT_ASKPASS": "",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_DEFAULT_HASH": "sha1",
    "GIT_DEFAULT_REF_FORMAT": "files",
    "GIT_ATTR_NOSYSTEM": "1",
    "SSH_ASKPASS_REQUIRE": "never",
}
SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "fetch.writeCommitGraph=false",
    "credential.helper=",
    "protocol.version=2",
    "protocol.ext.allow=never",
    "http.lowSpeedLimit=1000",
    "http.lowSpeedTime=60",
)


class GitError(WorkspaceError):
    """A git command failed; stderr is all that it said."""

    def __init__(self, what: str, stderr: str) -> None:
        super().__init__(f"git {what}: {meaningful(stderr)}")
        self.stderr = stderr


def meaningful(stderr: str) -> str:
    """Return the line that says what went wrong: the first fatal or error, else the last."""
    lines = [line.strip() for line in stderr.replace("\r", "\n").splitlines() if line.strip()]
    loud = [x for x in lines if x.removeprefix("remote: ").startswith(("fatal:", "error:", "ssh:"))]
    return (loud or lines[-1:] or ["it failed and said nothing"])[0][:300]


def git(
    git_dir: Path,
    *words: str,
    tree: Path | None = None,
    stdin: bytes = b"",
    config: Sequence[str] = (),
    protocols: str | None = None,
    lock: int | None = None,
) -> bytes:
    """Run git on `git_dir` and return what it printed; GitError if it failed.

    tree: the work tree, where it runs. protocols: those that it may use on the network (a list
    with colons), None for a local step. lock: an open file that git holds until it ends, so that
    a lock of ours outlives a `kill -9` of ours as long as git still writes.
    """
    try:
        from git import Git  # noqa: PLC0415 - 0.1 s, paid only where git must run
    except ImportError as exc:
        raise UnavailableError("git cannot be run", "install it (Debian: apt install git)") from exc
    variables = ALWAYS | _reach(protocols) | {"GIT_DIR": str(git_dir.absolute())}
    if tree:
        variables["GIT_WORK_TREE"] = str(tree.absolute())
    settings = [word for setting in (*SETTINGS, *config) for word in ("-c", setting)]
    held = Git(tree or git_dir.parent).execute(
        [*_without(variables, network=protocols is not None), "git", *settings, *words],
        istream=subprocess.PIPE,
        as_process=True,
        env=variables,
        start_new_session=True,  # no terminal to ask questions at, and one group to end
        pass_fds=() if lock is None else (lock,),
    )
    process = held.proc  # `held` ends the process when it goes out of scope
    if process is None:
        raise GitError(words[0], "")
    limit_s = LOCAL_LIMIT_S if protocols is None else NETWORK_LIMIT_S
    try:
        out, err = process.communicate(stdin, timeout=limit_s)
    except subprocess.TimeoutExpired as exc:
        raise GitError(words[0], f"took longer than {limit_s} s") from exc
    finally:
        _end(process)
    if process.returncode:
        raise GitError(words[0], os.fsdecode(err))
    return bytes(out)


def _reach(protocols: str | None) -> dict[str, str]:
    if protocols is None:
        return {
            "GIT_ALLOW_PROTOCOL": "none",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
        }
    ssh = os.environ.get("GIT_SSH_COMMAND") or os.environ.get("GIT_SSH")
    batch = {} if ssh else {"GIT_SSH_COMMAND": "ssh -oBatchMode=yes -oConnectTimeout=30"}
    return {"GIT_ALLOW_PROTOCOL": protocols} | batch


def _without(variables: Mapping[str, str], *, network: bool) -> list[str]:
    """Return the env command that drops GIT_DIR and its like; GitPython can only add variables."""
    kept = KEPT if network else ()
    inherited = [name for name in os.environ if name.startswith("GIT_") and name not in variables]
    drop = [name for name in inherited if not name.startswith(kept)]
    return ["env", *(word for name in drop for word in ("-u", name))]


def _end(process: subprocess.Popen[bytes]) -> None:
    """End git and its helpers, if it runs still: a time limit, or Ctrl-C."""
    for number, grace_s in ((signal.SIGTERM, GRACE_S), (signal.SIGKILL, None)):
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(process.pid, number)
                process.wait(grace_s)
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe:
            pipe.close()
