"""Upstream repositories for tests: made on the spot, pinned, and served by git's HTTP backend."""

import contextlib
import gzip
import http.server
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mrbench.errors import WorkspaceError
from mrbench.files import home
from mrbench.model.inputs import Source
from mrbench.model.job import Workspace
from mrbench.prepare import source as workspace

Git = Callable[..., str]
FILES = {
    "README": b"An upstream\n",
    "pkg/__init__.py": b"",
    "pkg/model.py": b"import np\nlr = 0.02\nsteps = 90000\nprint(lr, steps)\n",
    "pkg/deep/loss.py": b"lr = 1\nlr = 2\n",
    "pkg/notes.txt": b"lr is the learning rate\n",
    "assets/big.bin": bytes(range(256)) * 40,
}


def make_upstream(folder: Path, git: Git, files: dict[str, bytes] | None = None) -> str:
    """Make a repository with these files, or add them to it; return the commit."""
    if not (folder / ".git").exists():
        folder.mkdir(parents=True)
        git(folder, "init", "-q")
    for name, content in (FILES if files is None else files).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "a commit")
    return git(folder, "rev-parse", "HEAD")


def source(folder: Path, commit: str, **more: object) -> Source:
    """Return the source that pins this commit of a local repository."""
    return Source(url=f"file://{folder}", commit=commit, **more)  # type: ignore[arg-type]  # a test


def diff(folder: Path, git: Git, files: dict[str, bytes]) -> bytes:
    """Return the patch from the repository's HEAD to these contents; leaves it as it was."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    git(folder, "add", ".")
    patch = git(folder, "diff", "--cached", "--binary") + "\n"
    git(folder, "reset", "-q", "--hard")
    return patch.encode()


def prepare(pinned: Source, *patches: bytes, mirror: str | None = None) -> Workspace:
    named = tuple((f"{i}.patch", patch) for i, patch in enumerate(patches))
    return workspace.prepare(pinned, named, mirror, lambda _: None)


def unpacked(path: Path, tree: str) -> Workspace:
    """Return a folder as a checkout that somebody made."""
    return Workspace(
        path=path, commit="1" * 40, tree=tree, base_tree=tree, fetched_bytes=0, reused=False
    )


def refused(pinned: Source, *patches: bytes, mirror: str | None = None) -> str:
    """Return the one line that says why; nothing half-made may be left."""
    before = sorted((home() / "work").glob("*"))
    with pytest.raises(WorkspaceError) as caught:
        prepare(pinned, *patches, mirror=mirror)
    assert sorted((home() / "work").glob("*")) == before
    assert "\n" not in str(caught.value)
    return str(caught.value)


class Server:
    """What a served folder saw, and a gate that fetches wait at."""

    def __init__(self) -> None:
        self.base = ""
        self.posts = 0
        self.arrived = threading.Event()
        self.gate = threading.Event()
        self.gate.set()


@contextlib.contextmanager
def served(root: Path) -> Iterator[Server]:
    """Serve the repositories under `root` by `git http-backend` on the loopback interface."""
    state = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._backend(b"")

        def do_POST(self) -> None:
            state.posts += 1
            state.arrived.set()
            body = _body(self)
            state.gate.wait()
            self._backend(body)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

        def _backend(self, body: bytes) -> None:
            status, headers, content = _run_backend(root, self, body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with contextlib.suppress(OSError):  # the client was killed
                self.wfile.write(content)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.base = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield state
        finally:
            state.gate.set()
            server.shutdown()
            thread.join()


def _body(request: http.server.BaseHTTPRequestHandler) -> bytes:
    if request.headers.get("Transfer-Encoding") == "chunked":
        parts = []
        while size := int(request.rfile.readline(), 16):
            parts.append(request.rfile.read(size))
            request.rfile.readline()
        body = b"".join(parts)
    else:
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
    return gzip.decompress(body) if request.headers.get("Content-Encoding") == "gzip" else body


def _run_backend(
    root: Path, request: http.server.BaseHTTPRequestHandler, body: bytes
) -> tuple[int, dict[str, str], bytes]:
    path, _, query = request.path.partition("?")
    variables = {
        "GIT_PROJECT_ROOT": str(root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "REQUEST_METHOD": str(request.command),
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(len(body)),
    }
    done = subprocess.run(
        ["git", "http-backend"],
        input=body,
        env=os.environ | variables,
        capture_output=True,
        check=False,
    )
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
    return int(headers.pop("Status", "200").split()[0]), headers, content
