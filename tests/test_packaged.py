"""A package of an index as a recipe's source: pinned by its file's SHA-256, unpacked with care."""

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from mrbench.errors import RecipeError, UnavailableError, WorkspaceError
from mrbench.model.inputs import Source, Substitution
from mrbench.prepare import index
from mrbench.prepare import source as workspace
from mrbench.prepare.source.packaged import from_archive
from mrbench.recipe import load
from mrbench.recipe.plan import make_plan
from toy import TRAIN, make_suite, mrbench, records
from upstreams import prepare, refused

NAME = "mrbench-own-trainer"  # on no public index
TOP = "mrbench_own_trainer-1.2"
FILES = {"trainer/train.py": b"lr = 0.02\n", "trainer/deep/a.txt": b"\xff\r\n"}


def make_wheel(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{TOP}.dist-info"
    whole = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {NAME}\nVersion: 1.2\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    path = folder / f"{TOP}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in whole.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return path


def make_sdist(folder: Path, members: dict[str, bytes | tarfile.TarInfo]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{TOP}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
            raw = b"" if isinstance(content, tarfile.TarInfo) else content
            info.size = len(raw)
            archive.addfile(info, io.BytesIO(raw))
    return path


def pinned(path: Path, **more: object) -> Source:
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return Source(package=f"{NAME}==1.2", sha256=sha256, **more)  # type: ignore[arg-type]  # a test


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that uv looks into, and nowhere else."""
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path / "wheels"))
    monkeypatch.setenv("UV_OFFLINE", "1")
    return tmp_path / "wheels"


def test_a_wheel_is_a_checkout_like_any_other(wheels: Path) -> None:
    source = pinned(make_wheel(wheels, FILES))
    made = prepare(source)
    assert made.path == workspace.checkout_path(source, ())
    assert {name: (made.path / name).read_bytes() for name in FILES} == FILES
    assert workspace.verify_tree(made)
    assert (made.commit, made.tree) == (
        "c48d58892dbcb26ae234d7df1e031af14b9551b9",
        "1d3bef2c73faa4fb08c0e0b5e826d32e92461ffa",
    ), "the same everywhere"


def test_changes_and_paths_are_as_of_a_repository(wheels: Path) -> None:
    change = Substitution(
        text="0.02", replacement="0.04", files="*.py", expect_files=1, expect_lines=1
    )
    path = make_sdist(wheels, {f"{TOP}/{name}": content for name, content in FILES.items()})
    plain = prepare(pinned(path))
    changed = prepare(pinned(path, substitutions=(change,), paths=("trainer/train.py",)))
    assert (changed.path / "trainer" / "train.py").read_bytes() == b"lr = 0.04\n"
    assert not (changed.path / "trainer" / "deep").exists()
    assert changed.base_tree == plain.tree != changed.tree
    assert "source.paths" in refused(pinned(path, paths=("gone",)))
    said = refused(pinned(path, tree="1" * 40))
    assert f"{NAME}==1.2" in said
    assert plain.tree in said


def test_another_file_of_the_release_is_not_taken(wheels: Path) -> None:
    source = pinned(make_wheel(wheels, FILES))
    make_wheel(wheels, {"trainer/train.py": b"malice = 1\n"})
    assert "with SHA-256" in refused(source)
    absent = msgspec.structs.replace(source, package=f"{NAME}==1.3")
    assert f"{NAME}==1.3" in refused(absent)


@pytest.mark.parametrize(
    ("url", "name", "said"),
    [
        ("http://127.0.0.1:9/a.whl", "a.whl", "the package index gives its files by http; name an"),
        ("https://127.0.0.1:9/a.whl", f"{'a' * 300}.whl", "a name of 304 bytes; this is no ordin"),
    ],
)
def test_an_odd_index_is_what_is_blamed(url: str, name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError) as caught:
        index.fetch(url, "0" * 64, tmp_path / name)
    assert said in str(caught.value)
    assert not [path for path in tmp_path.iterdir() if path.is_file()]


def _link(target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(f"{TOP}/link")
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info


def _device() -> tarfile.TarInfo:
    info = tarfile.TarInfo(f"{TOP}/null")
    info.type = tarfile.CHRTYPE
    return info


@pytest.mark.parametrize(
    "members",
    [
        {"../evil.py": b""},
        {"/evil.py": b""},
        {f"{TOP}/a/../../evil.py": b""},
        {f"{TOP}/.git/config": b""},
        {f"{TOP}/a": b"", f"{TOP}/a/b": b""},
        {f"{TOP}/link": _link("../../outside")},
        {f"{TOP}/link": _link("/etc/passwd")},
        {f"{TOP}/link": _link("a/../../outside")},
        {f"{TOP}/null": _device()},
        {},
    ],
)
def test_no_archive_leads_out_of_its_folder(
    members: dict[str, bytes | tarfile.TarInfo], wheels: Path
) -> None:
    path = make_sdist(wheels, members)
    assert NAME in refused(pinned(path)) or TOP in refused(pinned(path))


def test_a_bomb_and_a_torn_archive_are_refused(
    wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_wheel(wheels, {"zeros": bytes(1 << 20)})
    monkeypatch.setattr("mrbench.prepare.source.packaged.MOST_BYTES", 1 << 16)
    assert "unpacked" in refused(pinned(path))
    torn = wheels / "torn-1.tar.gz"
    torn.write_bytes(make_sdist(wheels, {f"{TOP}/a": b"a" * 5000}).read_bytes()[:-20])
    with pytest.raises(WorkspaceError, match="cannot be unpacked"):
        from_archive(torn, "torn==1", "0" * 64)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("  package: a==1\n", "source.sha256: missing"),
        (f"  sha256: {'a' * 64}\n", "source.package: missing"),
        (f"  package: a==1\n  sha256: {'a' * 64}\n  commit: {'b' * 40}\n", "source.commit: stands"),
        (f"  package: a>=1\n  sha256: {'a' * 64}\n", "NAME==VERSION"),
        (f"  package: a==1\n  sha256: {'a' * 63}\n", "64 hex digits"),
    ],
)
def test_half_a_pin_is_refused(
    lines: str, says: str, tmp_path: Path, git: Callable[..., str]
) -> None:
    recipe = with_source(tmp_path, git, lines)
    with pytest.raises(RecipeError) as caught:
        load.load_path(recipe)
    assert says in str(caught.value)


def with_source(folder: Path, git: Callable[..., str], lines: str) -> Path:
    recipe = make_suite(folder, git)
    text = recipe.read_text()
    start, end = text.index("  url: "), text.index("environment:")
    recipe.write_text(text[:start] + lines + text[end:])
    return recipe


def test_it_trains_and_is_recorded(wheels: Path, tmp_path: Path, git: Callable[..., str]) -> None:
    path = make_wheel(wheels, {"train.py": TRAIN.encode()})
    source = pinned(path)
    recipe = with_source(tmp_path, git, f"  package: {source.package}\n  sha256: {source.sha256}\n")
    file = load.load_path(recipe)
    with pytest.raises(RecipeError, match="leave the commit out"):
        make_plan(file, commit="1" * 40)
    runs = ("--runs", tmp_path / "runs")
    done = mrbench("run", "--recipe", recipe, *runs, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (record,) = records(done.stdout)
    assert record["plan"]["source"]["package"] == f"{NAME}==1.2"
    assert "commit" not in record["plan"]["source"]
    assert len(record["workspace"]["commit"]) == 40
    (run,) = (tmp_path / "runs").glob("*/*/*")
    done = mrbench("verify", run, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    done = mrbench("show", run, cwd=tmp_path)
    assert f"{NAME}==1.2" in done.stdout


def test_a_mirror_holds_the_file(
    wheels: Path,
    tmp_path: Path,
    git: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = make_wheel(wheels, {"train.py": TRAIN.encode()})
    source = pinned(path)
    recipe = with_source(tmp_path, git, f"  package: {source.package}\n  sha256: {source.sha256}\n")
    folder = tmp_path / "mirror"
    done = mrbench("mirror", "create", folder, "--recipe", recipe, "--quiet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    monkeypatch.delenv("UV_FIND_LINKS")
    assert prepare(source, mirror=str(folder / "repos")).fetched_bytes > 0
    done = mrbench("mirror", "verify", folder, "--recipe", recipe, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    (folder / "wheels" / path.name).unlink()
    done = mrbench("mirror", "verify", folder, "--recipe", recipe, cwd=tmp_path)
    assert done.returncode != 0
    assert path.name in done.stdout + done.stderr
