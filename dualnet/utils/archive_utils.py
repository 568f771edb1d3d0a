"""Safe unpacking of untrusted tar and zip archives.

Every member name is checked and every file is opened here: `extractall`, whose filter can be circumvented on Python
3.11.0 to 3.11.12, is never called. An archive is refused as a whole, before any file has its final name.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, cast

from dualnet.datasets.download import ContentError, DataError

# Limits against archive bombs. Images, text and tables stay far below.
MAX_RATIO = 200
FREE_BYTES = 256 << 20  # always allowed
FREE_MEMBERS = 10_000  # always allowed; beyond that, one per 32 bytes of the archive
HEADER_BYTES = 1 << 20  # between two members of a tar archive
MAX_DEPTH = 64

_CHUNK = 1 << 16


def extract_archive(
    archive: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    archive_format: str | Sequence[str] | None = "auto",
) -> None:
    """Unpack `archive` into `folder` after checking all of it.

    Files in `folder` with the name of a member are replaced, others stay. Permissions, owners and times in the archive
    are ignored.

    Args:
        archive_format: `"tar"` (plain, gzip, bzip2, xz), `"zip"`, a list of these, or `"auto"`.

    Raises:
        ValueError: `archive_format` is unknown.
        ContentError: the file is not such an archive, is damaged, or contains a link, a device, a path outside
            `folder`, a duplicate name, or too much data for its size.
        DataError: `folder` cannot be written.
    """
    archive, folder = Path(archive), Path(folder)
    formats = ["tar", "zip"] if archive_format == "auto" else archive_format or []
    formats = [formats] if isinstance(formats, str) else list(formats)
    unknown = [name for name in formats if name not in _FORMATS]
    if unknown:
        raise ValueError(f"archive_format must be 'auto', 'tar' or 'zip', got {unknown[0]!r}")

    matching = [unpack for is_format, unpack in (_FORMATS[name] for name in formats) if is_format(archive)]
    if not matching:
        names = f"a {' or '.join(formats)}" if formats else "no"
        raise ContentError(f"{archive}: expected {names} archive, found something else or damage")
    part = folder.with_name(f".{folder.name}.{os.urandom(6).hex()}.part")
    try:
        part.mkdir(parents=True)
        try:
            matching[0](archive, _Target(part, archive.stat().st_size))
        except Exception as error:
            # Damaged and malicious archives make these modules raise nearly any exception; gzip reports damage as an
            # OSError without errno.
            if isinstance(error, OSError) and error.errno is not None:
                raise
            why = str(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
            damage = error if isinstance(error, DataError) else f"damaged ({why})"
            raise ContentError(f"{archive}: {damage}; nothing was unpacked") from error
        _install(part, folder)
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"{folder}: cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


class _Target:
    """The folder for the files, and the remaining limits on their number and size."""

    def __init__(self, folder: Path, archive_bytes: int) -> None:
        self.folder = folder
        self.bytes_left = max(FREE_BYTES, MAX_RATIO * archive_bytes)
        self.members_left = FREE_MEMBERS + archive_bytes // 32

    def path(self, name: str) -> Path:
        """The path of the member `name`."""
        self.members_left -= 1
        if self.members_left < 0:
            raise ContentError("has too many members for its size; unpack it yourself")
        parts = [part for part in name.split("/") if part not in ("", ".")]
        outside = name.startswith("/") or ".." in parts or "\\" in name or "\0" in name
        if outside or (os.name == "nt" and ":" in name):
            raise ContentError(f"member {name!r} leads outside the folder")
        if len(parts) > MAX_DEPTH:
            raise ContentError(f"member {name[:80]!r}... is {len(parts)} folders deep")
        return self.folder.joinpath(*parts)

    def make_folder(self, name: str) -> None:
        self._make_folder(self.path(name), name)

    def write(self, name: str, source: IO[bytes], size: int) -> None:
        """Write one file of `size` bytes."""
        path = self.path(name)
        if path == self.folder:
            raise ContentError(f"member {name!r} has no name")
        self.bytes_left -= size
        if size < 0 or self.bytes_left < 0:
            raise ContentError("has too much data for its size; unpack it yourself")
        self._make_folder(path.parent, name)
        try:
            file = open(path, "xb")  # noqa: SIM115 (only errors of opening are caught)
        except FileExistsError:
            raise ContentError(f"member {name!r} occurs twice") from None
        with file:
            remaining = size
            while remaining and (chunk := source.read(min(_CHUNK, remaining))):
                file.write(chunk)
                remaining -= len(chunk)
        if remaining:
            raise ContentError(f"member {name!r} is truncated")
        if source.read(1):
            raise ContentError(f"member {name!r} is longer than its header says")

    @staticmethod
    def _make_folder(path: Path, name: str) -> None:
        try:
            path.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise ContentError(f"member {name!r} needs a folder where a file is") from None


def _install(part: Path, folder: Path) -> None:
    try:
        os.rename(part, folder)
        return
    except OSError:
        if not folder.is_dir():
            raise
    for root, folders, files in os.walk(part):
        below = folder / os.path.relpath(root, part)
        for name in folders:
            (below / name).mkdir(exist_ok=True)
        for name in files:
            os.replace(os.path.join(root, name), below / name)


# tar


class _LimitedStream:
    """A decompressed stream that raises an error beyond a limit on its bytes."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.remaining = HEADER_BYTES

    def read(self, n: int) -> bytes:
        data: bytes = self.stream.read(n)
        self.remaining -= len(data)
        if self.remaining < -_CHUNK:  # what tarfile reads ahead
            raise ContentError("has more data than its members")
        return data


class _StrictTarInfo(tarfile.TarInfo):
    """tarfile treats a broken header as the end of the archive; here it is an error."""

    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> Any:
        try:
            return super().fromtarfile(tar)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"{error} at byte {tar.offset}") from error


def _open_tar(archive: Path) -> Any:
    with open(archive, "rb") as file:
        magic = file.read(6)
    for start, library in ((b"\x1f\x8b", gzip), (b"BZh", bz2), (b"\xfd7zXZ\0", lzma)):
        if magic.startswith(start):
            return library.open(archive)
    return open(archive, "rb")


def _is_tar(archive: Path) -> bool:
    try:
        with _open_tar(archive) as stream:
            block = stream.read(tarfile.BLOCKSIZE)
        if block == bytes(tarfile.BLOCKSIZE):
            return True  # an archive of nothing
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except FileNotFoundError:
        raise
    except (tarfile.HeaderError, OSError, EOFError, ValueError, zlib.error, lzma.LZMAError):
        return False
    return True


def _unpack_tar(archive: Path, target: _Target) -> None:
    with _open_tar(archive) as stream:
        source = _LimitedStream(stream)
        fileobj = cast(Any, source)  # a stream only needs to be read
        with tarfile.open(fileobj=fileobj, mode="r|", bufsize=_CHUNK, tarinfo=_StrictTarInfo) as tar:
            for member in tar:
                if member.isdir():
                    target.make_folder(member.name)
                elif member.isfile() and not member.issparse():
                    source.remaining = HEADER_BYTES + member.size
                    content = tar.extractfile(member)
                    assert content is not None
                    with content:
                        target.write(member.name, content, member.size)
                else:
                    raise ContentError(f"member {member.name!r} is a link, a device or sparse")
                source.remaining = HEADER_BYTES
        # gzip, bzip2 and xz verify their checksums at the very end.
        while source.read(_CHUNK):
            pass


# zip


def _unpack_zip(archive: Path, target: _Target) -> None:
    with zipfile.ZipFile(archive) as opened:
        for info in opened.infolist():
            file_type = stat.S_IFMT(info.external_attr >> 16)
            if file_type not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise ContentError(f"member {info.filename!r} is a link or a device")
            if info.is_dir():
                target.make_folder(info.filename)
                continue
            with opened.open(info) as content:
                target.write(info.filename, content, info.file_size)


_FORMATS = {"tar": (_is_tar, _unpack_tar), "zip": (zipfile.is_zipfile, _unpack_zip)}
