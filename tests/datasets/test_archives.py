"""Archives that mean harm: nothing outside the folder, nothing half unpacked, no full disk."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import random
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dualnet.datasets.download import ContentError, DataError
from dualnet.utils import archive_utils
from dualnet.utils.archive_utils import extract_archive

Listing = Callable[[Path], list[str]]
GOOD = [("good.txt", tarfile.REGTYPE, b"good", "")]


def tar(*members: tuple[str, bytes, bytes, str], pax: dict[str, str] | None = None) -> bytes:
    """A tar archive of (name, type, content, link target)."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, archive_type, content, link in [*GOOD, *members]:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size = archive_type, link, len(content)
            info.pax_headers = pax or {}
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def zipped(*members: tuple[str, bytes, int]) -> bytes:
    """A zip archive of (name, content, Unix mode)."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, mode in [("good.txt", b"good", 0o644), *members]:
            info = zipfile.ZipInfo(name)
            info.filename = name  # undoes its own cleaning
            info.external_attr = mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return file.getvalue()


REG, SYM, HARD, DIR = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE
OUTSIDE = [
    "../evil",
    "/tmp/evil",
    "a/../../evil",
    "a/..",
    "..",
    "..\\evil",
    "C:\\evil",
    "./../evil",
]
EVIL = {
    **{f"tar {name}": tar((name, REG, b"evil", "")) for name in OUTSIDE},
    **{f"zip {name}": zipped((name, b"evil", 0o644)) for name in OUTSIDE},
    "tar folder outside": tar(("../evil", DIR, b"", "")),
    "zip folder outside": zipped(("../evil/", b"", stat.S_IFDIR | 0o755)),
    "tar symlink": tar(("link", SYM, b"", "/etc/passwd")),
    "tar symlink inside": tar(("link", SYM, b"", "good.txt")),
    "tar write through symlink": tar(("link", SYM, b"", ".."), ("link/evil", REG, b"evil", "")),
    "tar hard link": tar(("link", HARD, b"", "/etc/passwd")),
    "tar hard link inside": tar(("link", HARD, b"", "good.txt")),
    "tar long link": tar(("l" * 150, SYM, b"", "../" * 90 + "etc/passwd")),
    "tar character device": tar(("device", tarfile.CHRTYPE, b"", "")),
    "tar block device": tar(("device", tarfile.BLKTYPE, b"", "")),
    "tar fifo": tar(("fifo", tarfile.FIFOTYPE, b"", "")),
    "tar unknown type": tar(("what", b"Z", b"", "")),
    "tar pax path": tar(("harmless", REG, b"evil", ""), pax={"path": "../evil"}),
    "zip symlink": zipped(("link", b"/etc/passwd", stat.S_IFLNK | 0o777)),
    "zip device": zipped(("device", b"", stat.S_IFCHR | 0o666)),
    "zip fifo": zipped(("fifo", b"", stat.S_IFIFO | 0o666)),
    "tar file twice": tar(("good.txt", REG, b"evil", "")),
    "tar file under another spelling": tar(("./good.txt", REG, b"evil", "")),
    "tar file as folder": tar(("good.txt/evil", REG, b"evil", "")),
    "tar folder over file": tar(("good.txt", DIR, b"", "")),
    "tar file over folder": tar(("a/b", REG, b"", ""), ("a", REG, b"evil", "")),
    "zip file as folder": zipped(("good.txt/evil", b"evil", 0o644)),
    "tar file without a name": tar((".", REG, b"evil", "")),
    "tar very deep": tar(("d/" * 3000 + "f", REG, b"", "")),
    "zip very deep": zipped(("d/" * 3000 + "f", b"", 0o644)),
    "tar long name": tar(("n" * 5000, REG, b"evil", "")),
}


@pytest.fixture
def unpack(tmp_path: Path) -> Callable[[bytes], Path]:
    def run(content: bytes) -> Path:
        (tmp_path / "archive").write_bytes(content)
        extract_archive(tmp_path / "archive", tmp_path / "inner" / "out")
        return tmp_path / "inner" / "out"

    return run


@pytest.mark.parametrize("case", EVIL)
def test_refused_as_a_whole(unpack: Any, tmp_path: Path, case: str, files_below: Listing) -> None:
    before = set(os.listdir("/tmp"))
    with pytest.raises(DataError):
        unpack(EVIL[case])
    assert files_below(tmp_path) == ["archive"]
    assert not (tmp_path / "inner" / "out").exists()
    assert "evil" not in set(os.listdir("/tmp")) - before


def test_messages_name_the_member(unpack: Any) -> None:
    with pytest.raises(ContentError, match=r"archive: member '\.\./evil' leads outside the folder; nothing"):
        unpack(EVIL["tar ../evil"])
    with pytest.raises(ContentError, match="member 'link' is a link, a device or sparse; nothing"):
        unpack(EVIL["tar symlink"])


@pytest.mark.parametrize("content", [tar(("d/" * 100, DIR, b"", "")), zipped(("d/" * 100, b"", 0))])
def test_folders_too_deep_to_be_removed_again(unpack: Any, content: bytes) -> None:
    with pytest.raises(ContentError, match="is 100 folders deep"):
        unpack(content)


def test_links_that_stand_in_the_folder_already_are_replaced_not_followed(unpack: Any, tmp_path: Path) -> None:
    (tmp_path / "inner" / "out").mkdir(parents=True)
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / "inner" / "out" / "good.txt").symlink_to(tmp_path / "precious")
    out = unpack(tar())
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert not (out / "good.txt").is_symlink()


def test_no_rights_come_out_of_an_archive(unpack: Any) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        info = tarfile.TarInfo("run")
        info.mode, info.uid = 0o6777, 12345
        archive.addfile(info)
    out = unpack(file.getvalue())
    assert stat.S_IMODE((out / "run").stat().st_mode) & 0o7111 == 0
    assert (out / "run").stat().st_uid == os.getuid()


def test_empty_archives_and_folders(unpack: Any) -> None:
    file = io.BytesIO()
    tarfile.open(fileobj=file, mode="w").close()
    assert os.listdir(unpack(file.getvalue())) == []
    assert sorted(os.listdir(unpack(tar(("empty", DIR, b"", ""))))) == ["empty", "good.txt"]


# Bombs. The limits are made small here, so that a miss costs nothing.


@pytest.fixture
def tight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_utils, "FREE_BYTES", 1 << 20)
    monkeypatch.setattr(archive_utils, "FREE_MEMBERS", 10)
    monkeypatch.setattr(archive_utils, "HEADER_BYTES", 1 << 16)


def sparse_tar(size: int) -> bytes:
    """A file that is all hole, in GNU's old form."""
    block = bytearray(tarfile.TarInfo("hole").tobuf(tarfile.GNU_FORMAT))
    block[156:157] = tarfile.GNUTYPE_SPARSE
    block[483:495] = b"%011o\0" % size
    block[148:156] = b"%06o\0 " % tarfile.calc_chksums(bytes(block))[0]
    return bytes(block) + bytes(1024)


def endless_header() -> bytes:
    """A pax header of 64 MiB: nothing of it is a member yet."""
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 64 << 20
    return info.tobuf() + bytes((64 << 20) + 1024)


def lying_zip(says: int, holds: int) -> bytes:
    content = bytearray(zipped(("bomb", bytes(holds), 0o644)))
    where = content.rindex(b"PK\x01\x02")
    content[where + 24 : where + 28] = says.to_bytes(4, "little")
    return bytes(content)


BOMBS = {
    "tar.gz": lambda: gzip.compress(tar(("bomb", REG, bytes(8 << 20), ""))),
    "tar.bz2": lambda: bz2.compress(tar(("bomb", REG, bytes(8 << 20), ""))),
    "tar.xz": lambda: lzma.compress(tar(("bomb", REG, bytes(8 << 20), ""))),
    "zip": lambda: zipped(("bomb", bytes(8 << 20), 0o644)),
    "many files tar": lambda: gzip.compress(tar(*[(f"{i}", REG, b"", "") for i in range(3000)])),
    "many folders": lambda: gzip.compress(tar(*[(f"{i}", DIR, b"", "") for i in range(3000)])),
    "sparse": lambda: sparse_tar(1 << 30),
    "short zip": lambda: lying_zip(8 << 10, 4 << 10),
    "long header": lambda: gzip.compress(endless_header()),
    "long tail": lambda: gzip.compress(tar() + bytes(64 << 20)),
    "long zip": lambda: lying_zip(4, 4 << 20),
    "zip of nothing": lambda: lying_zip(0, 4 << 10),
}


def test_a_small_sparse_file_is_refused_too(unpack: Any) -> None:
    with pytest.raises(ContentError, match="'hole' is a link, a device or sparse"):
        unpack(sparse_tar(1000))


@pytest.mark.usefixtures("tight")
@pytest.mark.parametrize("case", BOMBS)
def test_bombs(unpack: Any, tmp_path: Path, case: str, files_below: Listing) -> None:
    with pytest.raises(ContentError, match="nothing was unpacked"):
        unpack(BOMBS[case]())
    assert files_below(tmp_path) == ["archive"]


# Damage.

RANDOM = random.Random(0).randbytes(3000)
WHOLE = {
    "tar": tar(("data", REG, RANDOM, "")),
    "tar.gz": gzip.compress(tar(("data", REG, RANDOM, ""))),
    "tar.bz2": bz2.compress(tar(("data", REG, RANDOM, ""))),
    "tar.xz": lzma.compress(tar(("data", REG, RANDOM, ""))),
    "zip": zipped(("data", RANDOM, 0o644)),
}
# A tar archive ends with zeros up to a multiple of 10,240 bytes; losing some of them loses nothing.
ENDS = {"tar": 512 + 512 + 512 + 3072 + 512}


@pytest.mark.parametrize("archive_type", WHOLE)
def test_a_truncated_archive_never_passes_for_a_whole_one(
    unpack: Any, tmp_path: Path, archive_type: str, files_below: Listing
) -> None:
    whole = WHOLE[archive_type]
    assert files_below(unpack(whole)) == ["data", "good.txt"]
    for end in [*range(0, ENDS.get(archive_type, len(whole)), 97), ENDS.get(archive_type, len(whole)) - 1]:
        out = tmp_path / f"out{end}"
        (tmp_path / "archive").write_bytes(whole[:end])
        with pytest.raises(ContentError):
            extract_archive(tmp_path / "archive", out)
        assert not out.exists()


@pytest.mark.parametrize("archive_type", WHOLE)
def test_flipped_bits_are_detected_or_harmless(
    unpack: Any, tmp_path: Path, archive_type: str, files_below: Listing
) -> None:
    rng = random.Random(1)
    refused = 0
    for i in range(150):
        damaged = bytearray(WHOLE[archive_type])
        damaged[rng.randrange(min(len(damaged), 5000))] ^= 1 << rng.randrange(8)
        out = tmp_path / f"out{i}"
        (tmp_path / "archive").write_bytes(damaged)
        try:
            extract_archive(tmp_path / "archive", out)
        except DataError:
            refused += 1
            assert not out.exists()
            continue
        if archive_type != "tar":  # which has no checksum of its data
            for name in files_below(out):
                assert (out / name).read_bytes() in (RANDOM, b"good")
    assert refused > (20 if archive_type == "tar" else 75)
    assert [name for name in os.listdir(tmp_path) if name.endswith(".part")] == []
