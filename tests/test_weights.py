"""Weights: fetched over real https on loopback, checked, kept, and never another file unnoticed."""

import hashlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import toy
from mrbench.errors import UnavailableError
from mrbench.files import home
from mrbench.model.inputs import WeightsFile
from mrbench.model.job import UsedWeights
from mrbench.prepare import weights
from mrbench.prepare.weights import digests, download
from servers import Server, https
from waiting import SAFETY_S

CONTENT = b"weights " * 300_000  # more than one block
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT).hexdigest()  # noqa: S324 - as upstream publishes it


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with https(tmp_path / "tls", monkeypatch) as served:
        served.files["/R-50.pkl"] = CONTENT
        yield served


def item(url: str, **more: object) -> WeightsFile:
    return WeightsFile(**({"file": "net/R-50.pkl", "url": url} | more))  # type: ignore[arg-type]


def obtain(wanted: WeightsFile, named: Path | None = None) -> UsedWeights:
    return weights.obtain(wanted, named, lambda _: None)


def refused(wanted: WeightsFile, named: Path | None = None) -> str:
    with pytest.raises(UnavailableError) as caught:
        obtain(wanted, named)
    text = str(caught.value)
    assert "\n" not in text
    return text


def cached() -> Path:
    return home() / "weights" / "net" / "R-50.pkl"


def left() -> set[str]:
    return {p.name for p in cached().parent.iterdir()} if cached().parent.is_dir() else set()


def supplied(folder: Path, content: bytes = CONTENT) -> Path:
    """Make a folder such as --weights names."""
    (folder / "net").mkdir(parents=True)
    (folder / "net" / "R-50.pkl").write_bytes(content)
    return folder


@pytest.mark.parametrize(
    ("published", "checked_by"),
    [
        ({}, "first seen"),
        ({"sha256": SHA256, "md5": MD5}, "published sha256"),
        ({"md5": MD5.upper(), "size_bytes": len(CONTENT)}, "published md5"),
        ({"sha256_prefix": SHA256[:8]}, "published sha256_prefix"),
    ],
)
def test_weights_are_fetched_once(
    server: Server, published: dict[str, object], checked_by: str
) -> None:
    wanted = item(f"{server.base}/R-50.pkl", **published)
    assert weights.problem(wanted, None) is None  # missing, but it will be fetched
    used = obtain(wanted)
    assert used == obtain(wanted)
    assert (used.sha256, used.size_bytes, used.checked_by) == (SHA256, len(CONTENT), checked_by)
    assert Path(used.path) == cached()
    assert cached().read_bytes() == CONTENT
    assert server.asked == ["/R-50.pkl"]
    assert left() == {"R-50.pkl"}


def test_http_is_asked_for_by_https(server: Server) -> None:
    assert obtain(item(f"{server.base.replace('https', 'http')}/R-50.pkl")).sha256 == SHA256


def test_a_local_file_may_be_named(tmp_path: Path) -> None:
    there = supplied(tmp_path / "some%20 where") / "net" / "R-50.pkl"
    used = obtain(item(there.as_uri(), size_bytes=len(CONTENT)))
    assert used.sha256 == SHA256


@pytest.mark.parametrize("url", ["ftp://localhost/R-50.pkl", "data:,abc", "R-50.pkl"])
def test_other_schemes_are_refused_before_anything_starts(url: str) -> None:
    assert "neither https nor file" in str(weights.problem(item(url), None))
    mixed = item("https://localhost/R-50.pkl", other_urls=(url,))
    assert "neither https nor file" in refused(mixed)


@pytest.mark.parametrize(("name", "right"), [("md5", MD5), ("sha256", SHA256)])
def test_a_wrong_checksum_names_both(server: Server, name: str, right: str) -> None:
    wrong = "0" * len(right)
    told = refused(item(f"{server.base}/R-50.pkl", **{name: wrong}))
    assert right in told
    assert wrong in told
    assert left() == set()


def test_a_wrong_size_is_seen_before_anything_is_fetched(server: Server) -> None:
    told = refused(item(f"{server.base}/R-50.pkl", size_bytes=5))
    assert f"{len(CONTENT)} bytes, upstream's have 5" in told
    assert left() == set()


def test_a_broken_connection_leaves_nothing(server: Server) -> None:
    server.cut["/R-50.pkl"] = len(CONTENT) // 2
    told = refused(item(f"{server.base}/R-50.pkl"))
    assert f"broke after {len(CONTENT) // 2} of {len(CONTENT)} bytes" in told
    assert left() == set()
    server.cut.clear()
    assert obtain(item(f"{server.base}/R-50.pkl")).sha256 == SHA256


def test_an_answer_of_unknown_size_is_not_trusted(server: Server) -> None:
    server.sizeless.add("/R-50.pkl")
    assert "does not tell its size" in refused(item(f"{server.base}/R-50.pkl"))


def test_no_server_fills_the_disk(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "MOST_BYTES", 1000)
    assert "more than 1000 bytes" in refused(item(f"{server.base}/R-50.pkl"))
    assert left() == set()


def test_the_next_url_is_asked_when_one_fails(server: Server) -> None:
    urls = (f"{server.base}/moved.pkl", f"{server.base}/R-50.pkl")
    assert obtain(item("https://localhost:1/R-50.pkl", other_urls=urls)).sha256 == SHA256
    assert server.asked == ["/moved.pkl", "/R-50.pkl"]


def test_each_failure_is_told(server: Server) -> None:
    told = refused(item("https://localhost:1/a", other_urls=(f"{server.base}/b",)))
    assert "localhost:1/a: cannot be reached" in told
    assert "/b: the server answers 404" in told
    assert "--weights DIR" in told


def test_an_untrusted_certificate_is_refused(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    assert "CERTIFICATE_VERIFY_FAILED" in refused(item(f"{server.base}/R-50.pkl"))
    assert not server.asked


def test_redirections_stay_encrypted(server: Server) -> None:
    server.leads |= {
        "/good": "/R-50.pkl",
        "/bad": f"{server.base.replace('https', 'http')}/R-50.pkl",
        "/worse": "file:///etc/hostname",
    }
    assert obtain(item(f"{server.base}/good")).sha256 == SHA256
    assert "is not https" in refused(item(f"{server.base}/bad", file="b"))
    assert "is not allowed" in refused(item(f"{server.base}/worse", file="c"))


def test_silence_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "SILENCE_LIMIT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"https://127.0.0.1:{mute.getsockname()[1]}/R-50.pkl"
        assert "timed out" in refused(item(url))
    assert left() == set()
    assert tmp_path.is_dir()


def test_a_trickle_ends(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "SLOW_S", 0.3)
    server.trickling.add("/R-50.pkl")
    assert "too slow" in refused(item(f"{server.base}/R-50.pkl"))
    assert left() == set()


def test_headers_that_never_end_are_given_up(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "ANSWER_S", 0.5)
    server.greeting.add("/R-50.pkl")
    assert "no answer within 0.5 s" in refused(item(f"{server.base}/R-50.pkl"))
    assert left() == set()


def test_a_named_folder_is_used_and_nothing_is_fetched(server: Server, tmp_path: Path) -> None:
    wanted = item(f"{server.base}/R-50.pkl", md5=MD5)
    assert "are missing" in str(weights.problem(wanted, tmp_path))
    assert "are missing" in refused(wanted, tmp_path)
    named = supplied(tmp_path / "named")
    assert obtain(wanted, named).path == str(named / "net" / "R-50.pkl")
    assert not server.asked
    assert not cached().exists()


def test_the_first_seen_counts(server: Server, tmp_path: Path) -> None:
    wanted = item(f"{server.base}/R-50.pkl")
    obtain(wanted)
    named = supplied(tmp_path / "named", b"other")
    other = hashlib.sha256(b"other").hexdigest()
    for told in (str(weights.problem(wanted, named)), refused(wanted, named)):
        assert SHA256 in told
        assert other in told
        assert str(home() / "weights" / ".seen" / "net" / "R-50.pkl.json") in told
    cached().unlink()
    server.files["/R-50.pkl"] = b"other"  # upstream changed it
    told = refused(wanted)
    assert SHA256 in told
    assert other in told
    assert left() == set()
    (home() / "weights" / ".seen" / "net" / "R-50.pkl.json").unlink()
    assert obtain(wanted).sha256 == other


def test_a_folder_s_file_may_be_the_first_seen(server: Server, tmp_path: Path) -> None:
    wanted = item(f"{server.base}/R-50.pkl")
    obtain(wanted, supplied(tmp_path / "named", b"other"))
    assert SHA256 in refused(wanted)
    assert left() == set()


def test_a_record_that_cannot_be_read_lets_nothing_pass(server: Server) -> None:
    wanted = item(f"{server.base}/R-50.pkl")
    obtain(wanted)
    (home() / "weights" / ".seen" / "net" / "R-50.pkl.json").write_text("{}")
    assert "is not a record of weights" in refused(wanted)


def test_one_name_stands_for_one_origin(server: Server) -> None:
    server.files["/other.pkl"] = b"other"
    obtain(item(f"{server.base}/R-50.pkl"))
    assert "another file name" in refused(item(f"{server.base}/other.pkl"))
    moved = item(f"{server.base}/other.pkl", other_urls=(f"{server.base}/R-50.pkl",))
    assert obtain(moved).sha256 == SHA256


def test_unchanged_files_are_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = item("https://localhost:1/R-50.pkl", md5=MD5)
    named = supplied(tmp_path / "named")
    used = obtain(wanted, named)
    with monkeypatch.context() as patch:
        patch.setattr(digests, "Hashing", None)  # reading the file would now fail
        assert obtain(wanted, named) == used
    path = named / "net" / "R-50.pkl"
    status = path.stat()
    path.write_bytes(b"W" + CONTENT[1:])
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # as if nothing had happened
    assert "md5 is" in refused(wanted, named)


@pytest.mark.parametrize("memory", ["", "[]", '{"/x": 1}', '{"/x": {}}'])
def test_a_broken_memory_costs_only_time(tmp_path: Path, memory: str) -> None:
    named = supplied(tmp_path / "named")
    path = home() / "weights" / ".digests.json"
    path.parent.mkdir(parents=True)
    path.write_text(memory)
    assert obtain(item("https://localhost:1/x", md5=MD5), named).sha256 == SHA256
    assert list(json.loads(path.read_text())) == [str(named / "net" / "R-50.pkl")]


def test_a_run_fetches_and_tells_what_it_used(tmp_path: Path, git: Callable[..., str]) -> None:
    recipe = toy.make_suite(tmp_path, git)
    there = supplied(tmp_path / "origin") / "net" / "R-50.pkl"
    entry = f"weights:\n  - {{file: net/R-50.pkl, url: '{there.as_uri()}', link: in/R.pkl}}\n"
    toy.edit(recipe, "launch:\n", f"{entry}launch:\n")
    done = toy.mrbench("run", "--recipe", recipe, "--quiet", "--json", cwd=tmp_path)
    (record,) = toy.records(done.stdout)
    assert record["status"] == "ok", record["reason"]
    assert record["weights"] == [
        {
            "file": "net/R-50.pkl",
            "path": str(cached()),
            "url": there.as_uri(),
            "size_bytes": len(CONTENT),
            "sha256": SHA256,
            "checked_by": "first seen",
        }
    ]
    empty = tmp_path / "empty"
    empty.mkdir()
    done = toy.mrbench("run", "--recipe", recipe, "--weights", empty, cwd=tmp_path)
    assert done.returncode == UnavailableError.exit_code
    assert "nothing was started" in done.stderr
    assert "are missing" in done.stderr


FETCH = """
import sys
from mrbench.prepare import weights
from mrbench.model.recipe import WeightsFile
wanted = WeightsFile(file="net/R-50.pkl", url=sys.argv[1])
print(weights.obtain(wanted, None, lambda text: None).sha256)
"""


def test_two_at_once_fetch_once(server: Server) -> None:
    command = [sys.executable, "-c", FETCH, f"{server.base}/R-50.pkl"]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [one.communicate(timeout=SAFETY_S)[0].strip() for one in both] == [SHA256] * 2
    assert server.asked == ["/R-50.pkl"]
