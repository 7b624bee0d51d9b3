"""Real https on loopback: a certificate of its own, and a folder that it serves, or misbehaves."""

import contextlib
import http.server
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from needs import skip_without


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Make a self-signed certificate for localhost; return it and its key."""
    skip_without("https")
    folder.mkdir(parents=True, exist_ok=True)
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


class Server(http.server.ThreadingHTTPServer):
    """Serves `files` by path; redirections and cut-off answers where these say so."""

    daemon_threads = True

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.files: dict[str, bytes] = {}
        self.leads: dict[str, str] = {}
        self.cut: dict[str, int] = {}  # path: bytes after which the connection ends
        self.sizeless: set[str] = set()
        self.trickling: set[str] = set()
        self.greeting: set[str] = set()  # paths whose headers never end
        self.asked: list[str] = []

    @property
    def base(self) -> str:
        return f"https://localhost:{self.server_address[1]}"

    def handle_error(self, *_: object) -> None:
        """Say nothing when a client does not trust the certificate."""


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.path in self.server.leads:
            self.send_response(302)
            self.send_header("Location", self.server.leads[self.path])
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif self.path in self.server.greeting:
            self.send_response(200)
            self.flush_headers()
            with contextlib.suppress(OSError):  # until the other side has enough
                while True:
                    self.wfile.write(b"X")
                    time.sleep(0.02)
        elif self.path in self.server.files:
            content = self.server.files[self.path]
            self.send_response(200)
            if self.path not in self.server.sizeless:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.path in self.server.trickling:
                for byte in content:
                    self.wfile.write(bytes([byte]))
                    time.sleep(0.05)
            self.wfile.write(content[: self.server.cut.get(self.path)])
        else:
            self.send_error(404)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def https(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Serve on loopback, with a certificate that this process trusts."""
    certificate, key = make_certificate(folder)
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with Server(context) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
