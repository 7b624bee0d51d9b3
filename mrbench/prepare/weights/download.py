"""Get a file from one URL, https or file: all of it, or an error."""

import contextlib
import http.client
import io
import os
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit

from mrbench import __version__
from mrbench.errors import UnavailableError
from mrbench.prepare.weights.digests import CHUNK_BYTES, Digests, Hashing

SILENCE_LIMIT_S = 60.0
ANSWER_S = 120.0  # until all headers are there
SLOW_S, LEAST_BYTES = 60.0, 120_000  # 2 kB/s: less than that, for a minute, is no download
LIMIT_S = 12 * 3600.0

Tell = Callable[[int, int | None], None]


class _NoAnswerError(TimeoutError):
    """The headers were not there in time."""

    def __init__(self) -> None:
        super().__init__(f"no answer within {ANSWER_S:g} s")


class _Bounded(http.client.HTTPSConnection):
    """Gives up a server that has not answered in ANSWER_S: a byte now and then is no silence."""

    def connect(self) -> None:
        """Connect, through a proxy too, and agree on keys."""
        with self._soon():
            super().connect()

    def getresponse(self) -> http.client.HTTPResponse:
        """Read the headers."""
        with self._soon():
            return super().getresponse()

    @contextlib.contextmanager
    def _soon(self) -> Iterator[None]:
        late = threading.Event()

        def give_up() -> None:
            late.set()
            with contextlib.suppress(TypeError, OSError):  # there is none yet, or no more
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)  # the reader sees its end

        timer = threading.Timer(ANSWER_S, give_up)
        timer.daemon = True
        timer.start()
        try:
            yield
        except (OSError, http.client.HTTPException) as exc:
            if late.is_set():
                raise _NoAnswerError from exc
            raise
        finally:
            timer.cancel()
        if late.is_set():  # headers that were cut off look complete
            raise _NoAnswerError


class _Https(urllib.request.HTTPSHandler):
    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        """Open by a connection that gives up."""
        return self.do_open(_Bounded, req)


class _OnlyToHttps(urllib.request.HTTPRedirectHandler):
    """Follows no redirection that gives up encryption."""

    def redirect_request(  # noqa: PLR0917 - urllib's interface
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if urlsplit(newurl).scheme != "https":
            raise urllib.error.URLError(f"it leads to {newurl}, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def download(
    url: str, out: IO[bytes], size_bytes: int | None, most_bytes: int, tell: Tell
) -> Digests:
    """Write what the URL gives over `out`; tell(bytes so far, bytes in all) on the way.

    size_bytes: what it must have, where that is known; most_bytes: the limit in any case. Proxies
    and certificates are those of the environment (HTTPS_PROXY, SSL_CERT_FILE).
    UnavailableError says why it cannot be had; `out` may then hold a part of it.
    """
    try:
        with _open(url) as answer:
            total = _announced(answer)
            if size_bytes is not None and total not in (None, size_bytes):
                raise UnavailableError(f"{url}: has {total} bytes, upstream's have {size_bytes}")
            if total is None and not getattr(answer, "chunked", False):
                raise UnavailableError(f"{url}: the server does not tell its size")
            return _copy(url, answer, out, total, most_bytes, tell)
    except urllib.error.HTTPError as exc:
        exc.close()
        raise UnavailableError(f"{url}: the server answers {exc.code} {exc.reason}") from exc
    except urllib.error.URLError as exc:
        raise UnavailableError(f"{url}: cannot be reached ({exc.reason})") from exc
    except http.client.HTTPException as exc:
        raise UnavailableError(f"{url}: the connection broke ({exc!r})") from exc
    except _NoAnswerError as exc:
        raise UnavailableError(f"{url}: {exc}") from exc
    except TimeoutError as exc:
        raise UnavailableError(f"{url}: silent for {SILENCE_LIMIT_S:g} s") from exc
    except OSError as exc:
        raise UnavailableError(f"{url}: cannot be fetched to {out.name} ({exc.strerror})") from exc


def _open(url: str) -> io.BufferedReader | http.client.HTTPResponse:
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return Path(unquote(parts.path)).open("rb")
    opener = urllib.request.OpenerDirector()  # not the default one, which knows http, ftp and data
    for handler in (
        urllib.request.ProxyHandler(),
        _Https(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
        _OnlyToHttps(),
    ):
        opener.add_handler(handler)
    request = urllib.request.Request(url, headers={"User-Agent": f"mrbench/{__version__}"})  # noqa: S310 - this opener has https only
    answer = opener.open(request, timeout=SILENCE_LIMIT_S)
    if not isinstance(answer, http.client.HTTPResponse):
        raise urllib.error.URLError("it gives no answer by https")
    return answer


def _announced(answer: io.BufferedReader | http.client.HTTPResponse) -> int | None:
    if isinstance(answer, http.client.HTTPResponse):
        return answer.length
    return os.fstat(answer.fileno()).st_size


def _copy(  # noqa: PLR0917 - one step of download
    url: str,
    answer: io.BufferedReader | http.client.HTTPResponse,
    out: IO[bytes],
    total: int | None,
    most_bytes: int,
    tell: Tell,
) -> Digests:
    hashing, done = Hashing(), 0
    began_s = looked_s = time.monotonic()
    before = 0
    out.seek(0)
    out.truncate()
    while block := answer.read1(CHUNK_BYTES):  # read() would wait for all of it
        out.write(block)
        hashing.update(block)
        done += len(block)
        if done > most_bytes:
            raise UnavailableError(f"{url}: has more than {most_bytes} bytes")
        tell(done, total)
        now_s = time.monotonic()
        if now_s - began_s > LIMIT_S:
            raise UnavailableError(f"{url}: {done} bytes in {LIMIT_S / 3600:g} hours")
        if now_s - looked_s > SLOW_S:
            if done - before < LEAST_BYTES:
                rate = (done - before) / (now_s - looked_s)
                raise UnavailableError(f"{url}: too slow, {rate:.0f} bytes in a second")
            looked_s, before = now_s, done
    out.flush()
    if total not in (None, done):  # read() is silent when the connection breaks
        raise UnavailableError(f"{url}: the connection broke after {done} of {total} bytes")
    return hashing.digests()
