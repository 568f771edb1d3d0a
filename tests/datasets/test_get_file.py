from __future__ import annotations

import hashlib
import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dualnet.datasets.download import ContentError, DataError
from dualnet.utils.file_utils import get_file, hash_file

CONTENT = b"line\n" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
Listing = Callable[[Path], list[str]]


def tar(members: dict[str, bytes], mode: str = "w:gz") -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


@pytest.fixture(autouse=True)
def served(server: Any) -> Any:
    server.files["text.csv"] = CONTENT
    return server


def test_downloads_once_and_returns_a_string(server: Any, cache: Path) -> None:
    path = get_file("mine.csv", server.url("good", "text.csv"))
    assert path == str(cache / "datasets" / "mine.csv")
    assert Path(path).read_bytes() == CONTENT
    assert get_file("mine.csv", server.url("good", "text.csv")) == path
    assert server.asked.total() == 1
    get_file("mine.csv", server.url("good", "text.csv"), force_download=True)
    assert server.asked.total() == 2


def test_names_and_folders(server: Any, cache: Path, tmp_path: Path) -> None:
    url = server.url("good", "text.csv")
    assert get_file(origin=url) == str(cache / "datasets" / "text.csv")
    server.files["text.csv?version=2"] = CONTENT
    assert get_file(origin=url + "?version=2") == str(cache / "datasets" / "text.csv")
    assert get_file("a", url, cache_subdir="sub") == str(cache / "sub" / "a")
    assert get_file("a", url, cache_dir=str(tmp_path)) == str(tmp_path / "datasets" / "a")
    assert get_file("a", url, cache_subdir=str(tmp_path / "x")) == str(tmp_path / "x" / "a")
    assert get_file(Path("b"), url, cache_dir=tmp_path) == str(tmp_path / "datasets" / "b")


def test_a_file_address(tmp_path: Path) -> None:
    source = tmp_path / "a file.txt"
    source.write_bytes(CONTENT)
    path = get_file("copy.txt", source.as_uri(), file_hash=SHA256)
    assert Path(path).read_bytes() == CONTENT
    with pytest.raises(DataError, match=r"other.txt cannot be read \(No such file"):
        get_file("other.txt", (tmp_path / "other.txt").as_uri())


@pytest.mark.parametrize(
    "how",
    [
        {"file_hash": SHA256},
        {"file_hash": SHA256.upper(), "hash_algorithm": "sha256"},
        {"file_hash": MD5},
        {"file_hash": MD5, "hash_algorithm": "md5"},
        {"md5_hash": MD5},
    ],
)
def test_right_hashes(server: Any, how: dict[str, str]) -> None:
    assert Path(get_file("a", server.url("good", "text.csv"), **how)).read_bytes() == CONTENT


@pytest.mark.parametrize("how", [{"file_hash": "0" * 64}, {"file_hash": "0" * 32}, {"md5_hash": "0" * 32}])
def test_wrong_hashes(server: Any, cache: Path, how: dict[str, str], files_below: Listing) -> None:
    with pytest.raises(ValueError, match=r"Incomplete or corrupted file: expected .* 000.*, found"):
        get_file("a", server.url("good", "text.csv"), **how)
    assert files_below(cache) == []


def test_a_cached_file_with_another_hash_is_replaced(server: Any, cache: Path) -> None:
    (cache / "datasets").mkdir(parents=True)
    (cache / "datasets" / "a").write_bytes(b"old")
    url = server.url("good", "text.csv")
    assert Path(get_file("a", url)).read_bytes() == b"old"
    with (
        pytest.warns(UserWarning, match="downloading it again"),
        pytest.raises(ContentError),
    ):
        get_file("a", url, file_hash="0" * 64)
    assert (cache / "datasets" / "a").read_bytes() == b"old"
    with pytest.warns(UserWarning, match="downloading it again"):
        assert Path(get_file("a", url, file_hash=SHA256)).read_bytes() == CONTENT


@pytest.mark.parametrize("how", ["missing", "breaks", "busy", "stalls"])
def test_a_failed_download_keeps_what_was_there(server: Any, cache: Path, how: str, files_below: Listing) -> None:
    with pytest.raises(DataError, match=r"^http://127\.0\.0\.1:\d+/\w+/text\.csv: "):
        get_file("a", server.url(how, "text.csv"))
    assert files_below(cache) == []
    (cache / "datasets" / "a").write_bytes(b"old")
    with pytest.raises(DataError):
        get_file("a", server.url(how, "text.csv"), force_download=True)
    assert (cache / "datasets" / "a").read_bytes() == b"old"
    assert len(files_below(cache)) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "needs `origin`"),
        ({"origin": "ftp://host/a"}, "origin must start with http://"),
        ({"origin": "/a/b"}, "origin must start with http://"),
        ({"origin": "http://host/"}, "does not end in a file name"),
        ({"origin": "http://host"}, "does not end in a file name"),
        ({"origin": "http://host/.."}, "plain file name"),
        ({"origin": "http://host/a", "fname": "../a"}, "plain file name"),
        ({"origin": "http://host/a", "fname": "/etc/a"}, "plain file name"),
        ({"origin": "http://host/a", "file_hash": "12"}, "64 hexadecimal digits"),
        ({"origin": "http://host/a", "md5_hash": "0" * 64}, "64 hexadecimal digits"),
        ({"origin": "http://host/a", "hash_algorithm": "sha1"}, "'auto', 'sha256' or 'md5'"),
    ],
)
def test_arguments_that_make_no_sense(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        get_file(**arguments)


def test_a_folder_of_that_name(server: Any, cache: Path) -> None:
    (cache / "datasets" / "a").mkdir(parents=True)
    with pytest.raises(DataError, match="is a folder, expected a file"):
        get_file("a", server.url("good", "text.csv"))


MEMBERS = {"top.txt": b"1", "deep/er/low.txt": CONTENT}
ARCHIVES = {
    "set.tar.gz": tar(MEMBERS),
    "set.tgz": tar(MEMBERS),
    "set.tar": tar(MEMBERS, "w"),
    "set.tar.bz2": tar(MEMBERS, "w:bz2"),
    "set.tar.xz": tar(MEMBERS, "w:xz"),
    "set.zip": zipped(MEMBERS),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_unpacks(server: Any, cache: Path, name: str, files_below: Listing) -> None:
    server.files[name] = ARCHIVES[name]
    folder = get_file(name, server.url("good", name), extract=True)
    assert folder == str(cache / "datasets" / "set_extracted")
    assert {n: (Path(folder) / n).read_bytes() for n in files_below(Path(folder))} == MEMBERS
    assert len(files_below(cache)) == 3


@pytest.mark.parametrize(
    ("arguments", "archive", "folder"),
    [
        ({"fname": "flowers", "extract": True}, "flowers_archive", "flowers"),
        ({"fname": "flowers", "untar": True}, "flowers_archive", "flowers"),
        ({"fname": "f.v2.tgz", "extract": True}, "f.v2.tgz", "f_extracted"),
        ({"extract": True}, "set.tgz_archive", "set.tgz"),
        ({"extract": True, "archive_format": ["zip", "tar"]}, "set.tgz_archive", "set.tgz"),
    ],
)
def test_where_it_unpacks(server: Any, cache: Path, arguments: dict[str, Any], archive: str, folder: str) -> None:
    server.files["set.tgz"] = ARCHIVES["set.tgz"]
    path = get_file(origin=server.url("good", "set.tgz"), **arguments)
    assert path == str(cache / "datasets" / folder)
    assert sorted(os.listdir(cache / "datasets")) == sorted([archive, folder])
    assert sorted(os.listdir(path)) == ["deep", "top.txt"]


def test_unpacking_again_restores_and_keeps_other_files(server: Any) -> None:
    server.files["set.zip"] = ARCHIVES["set.zip"]
    folder = Path(get_file("set", server.url("good", "set.zip"), extract=True))
    (folder / "mine.txt").write_bytes(b"mine")
    (folder / "deep" / "er" / "low.txt").unlink()
    assert get_file("set", server.url("good", "set.zip"), extract=True) == str(folder)
    assert server.asked.total() == 1
    assert (folder / "mine.txt").read_bytes() == b"mine"
    assert (folder / "deep" / "er" / "low.txt").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("name", "archive_format"),
    [
        ("text.csv", "auto"),
        ("set.zip", "tar"),
        ("set.tar", "zip"),
        ("set.zip", None),
        ("set.zip", []),
    ],
)
def test_no_archive_of_that_format(
    server: Any, cache: Path, name: str, archive_format: Any, files_below: Listing
) -> None:
    server.files.update({"set.zip": ARCHIVES["set.zip"], "set.tar": ARCHIVES["set.tar"]})
    with pytest.raises(ContentError, match=r"archive, found something else.*force_download=True"):
        get_file("a", server.url("good", name), extract=True, archive_format=archive_format)
    assert files_below(cache) == [os.path.join("datasets", "a_archive")]


def test_untar_is_for_tar(server: Any) -> None:
    server.files["set.zip"] = ARCHIVES["set.zip"]
    with pytest.raises(ContentError, match="expected a tar archive"):
        get_file("a", server.url("good", "set.zip"), untar=True)


def test_an_unknown_format(server: Any) -> None:
    with pytest.raises(ValueError, match="'auto', 'tar' or 'zip', got 'rar'"):
        get_file("a", server.url("good", "text.csv"), extract=True, archive_format="rar")


def test_hash_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(CONTENT)
    assert hash_file(tmp_path / "a") == SHA256
    assert hash_file(str(tmp_path / "a"), "md5") == MD5
