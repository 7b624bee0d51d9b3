"""The only door to git, which is GitPython's: objects for what is read, commands for the rest.

Commits, trees and the types of objects are read by GitPython's Repo (`objects`). What fetches,
makes and changes runs as a command (`git`), since GitPython's own methods take neither a time limit
nor a lock to hold, and leave hooks, filters and the user's configuration in force. So does what
GitPython reads less safely than git: an index with names that are no UTF-8, a store with missing
blobs (each would be fetched), the soundness of a repository, and patches.

Both run git in an environment that holds no surprises.
Local steps read nobody's configuration: theirs must give the same bytes on every machine. Steps on
the network read the user's and the system's, since proxies and certificates are told there, but
what runs programs, asks questions or writes elsewhere is overruled. Credential helpers are off as
well (they may open windows); a private repository is reached by ssh:// and an agent.
"""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from mrbench.errors import UnavailableError, WorkspaceError

if TYPE_CHECKING:
    from git import Repo
    from git.objects.base import IndexObject as IndexObject  # noqa: PLC0414 - the store names it in types

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
    command, variables = _closed(git_dir, words, tree=tree, config=config, protocols=protocols)
    program = _gitpython().Git(tree or git_dir.parent)
    held = program.execute(
        command,
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


@contextlib.contextmanager
def objects(git_dir: Path) -> Iterator["Repo"]:
    """Open a repository to read its commits and trees; GitError if one is missing or damaged."""
    gitpython = _gitpython()

    class Closed(gitpython.Git):  # type: ignore[name-defined,misc]  # known when it is imported
        def execute(self, command: list[str], **options: Any) -> Any:  # noqa: ANN401 - GitPython's
            words, variables = _closed(git_dir, command[1:])
            return super().execute(words, env=variables, start_new_session=True, **options)

    class Objects(gitpython.Repo):  # type: ignore[name-defined,misc]  # the same
        GitCommandWrapperType = Closed

    try:
        repository = Objects(git_dir, expand_vars=False)
    except gitpython.GitError as exc:
        raise GitError("open", f"{git_dir} is not a repository") from exc
    try:
        yield repository
    except (ValueError, TypeError, OSError, gitpython.GitError, gitpython.ODBError) as exc:
        raise GitError("cat-file", str(exc)) from exc
    finally:
        repository.close()


def _gitpython() -> ModuleType:
    try:
        import git as gitpython  # noqa: PLC0415 - 0.1 s, and it fails if there is no git
    except ImportError as exc:
        if shutil.which("git") is None:
            remedy = "install it (Debian: apt install git)"
            raise UnavailableError("git cannot be run", remedy) from exc
        remedy = "allow more open files and processes (ulimit -n, ulimit -u)"
        raise UnavailableError("git is there, but cannot be started", remedy) from exc
    return gitpython


def _closed(
    git_dir: Path,
    words: Sequence[str],
    *,
    tree: Path | None = None,
    config: Sequence[str] = (),
    protocols: str | None = None,
) -> tuple[list[str], dict[str, str]]:
    """Return the whole command, and the variables to add to its environment."""
    variables = ALWAYS | _reach(protocols) | {"GIT_DIR": str(git_dir.absolute())}
    if tree:
        variables["GIT_WORK_TREE"] = str(tree.absolute())
    settings = [word for setting in (*SETTINGS, *config) for word in ("-c", setting)]
    dropped = _without(variables, network=protocols is not None)
    return [*dropped, "git", *settings, *words], variables


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
