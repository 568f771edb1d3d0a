"""Data set files and weights from a local folder, the cache or the network; never used unchecked.

A file is looked up in `$DUALNET_DATA_DIR/<folder>/`, then in the cache, then at each mirror in
turn, those of `DUALNET_MIRRORS` first. The hash of the unpacked content is checked, so that a
recompressed copy is valid too. A download goes to a temporary file, which is renamed only when it
is complete and correct; of a large file that broke off, the next attempt downloads the rest.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import sys
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from dualnet.core.warning import warn
from dualnet.datasets.transfer import Progress, TransferError, transfer

T = TypeVar("T")

LOCAL_ADVICE = "replace it with a good copy, or unset DUALNET_DATA_DIR to download one"
RETRY_WAIT = 1.0  # seconds before the second and last attempt at mirrors whose connection failed
ABANDONED = 120.0  # seconds after which nobody writes to a part any more: a transfer that stalls so long has failed


class DataError(OSError):
    """A data file that is missing, unreadable or wrong. The message names it, and says what to do."""


class ContentError(DataError, ValueError):
    """A file with unexpected content."""


class UnavailableError(DataError):
    """No mirror provided the file."""


def cache_dir() -> Path:
    """The folder of cached downloads.

    `$DUALNET_CACHE_DIR`, or else `~/.cache/dualnet` on Linux (`$XDG_CACHE_HOME/dualnet` where set),
    `~/Library/Caches/dualnet` on macOS, `%LOCALAPPDATA%\\dualnet` on Windows.
    """
    chosen = os.environ.get("DUALNET_CACHE_DIR")
    if chosen:
        return Path(chosen).expanduser()
    try:
        home = Path.home()
    except RuntimeError as error:
        raise DataError(f"no home folder ({error}); set DUALNET_CACHE_DIR to a folder") from error
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        xdg = os.environ.get("XDG_CACHE_HOME", "")
        base = Path(xdg) if os.path.isabs(xdg) else home / ".cache"
    return base / "dualnet"


def data_dir() -> Path | None:
    """The folder `DUALNET_DATA_DIR`, or None if that is not set.

    Raises:
        DataError: it is set, but the folder does not exist.
    """
    chosen = os.environ.get("DUALNET_DATA_DIR")
    if not chosen:
        return None
    folder = Path(chosen).expanduser()
    if not os.path.isdir(folder):
        raise DataError(f"DUALNET_DATA_DIR is {chosen!r}, not a folder; correct it or unset it")
    return folder


def mirrors() -> list[str]:
    """The addresses in `DUALNET_MIRRORS`, separated by spaces, which are asked for every file before its publisher is.

    A mirror has the files in the folders that `DUALNET_DATA_DIR` would have: `<mirror>/<folder>/<name>`.
    """
    return os.environ.get("DUALNET_MIRRORS", "").split()


def check_file_name(name: str) -> str:
    """Return `name`, or raise ValueError if it is a path, which could escape its folder."""
    separators = "/\\\0:" if os.name == "nt" else "/\\\0"
    if name in ("", ".", "..") or any(character in name for character in separators):
        raise ValueError(f"expected a plain file name without a path, got {name!r}")
    return name


def read_checked(path: Path, sha256: str, size: int, *, gzipped: bool = False) -> bytearray:
    """Read a file, unpack it if `gzipped`, and return its content after checking size and hash.

    Args:
        path: the file. An uncompressed file is accepted too, even if `gzipped`.
        sha256: hash of the unpacked content, 64 hexadecimal digits.
        size: size of the unpacked content in bytes. No more than that is ever unpacked.

    Raises:
        ContentError: the content differs, is truncated, or cannot be read.
    """
    content = bytearray(size)
    view = memoryview(content)
    expected = f"expected {size:,} bytes with sha256 {sha256[:16]}..., found"
    received = 0
    try:
        with open(path, "rb") as file:
            packed = gzipped and file.read(2) == b"\x1f\x8b"
            file.seek(0)
            with gzip.GzipFile(fileobj=file) if packed else file as stream:
                while received < size and (n := stream.readinto(view[received:])):
                    received += n
                is_longer = bool(stream.read(1))
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ContentError(f"{expected} a damaged gzip file ({error})") from error
    except OSError as error:
        raise ContentError(f"{expected} an unreadable file ({error.strerror})") from error
    if received < size or is_longer:
        raise ContentError(f"{expected} {'more' if is_longer else f'{received:,} bytes'}")
    digest = hashlib.sha256(content).hexdigest()
    if digest != sha256.lower():
        raise ContentError(f"{expected} sha256 {digest[:16]}...")
    return content


def fetch(name: str, urls: Sequence[str], sha256: str, size: int, *, folder: str, gzipped: bool = False) -> bytearray:
    """Return the checked content of a data set file, downloading it if there is no valid local copy.

    Args:
        name: file name, the same in every location.
        urls: mirrors, tried in this order.
        sha256, size: of the content; of the unpacked content if `gzipped`.
        folder: the data set's folder below `$DUALNET_DATA_DIR` and below `<cache>/datasets`.

    Raises:
        DataError: no source provided the file, or the copy in `DUALNET_DATA_DIR` is wrong.
    """

    def read(path: Path) -> bytearray:
        return read_checked(path, sha256, size, gzipped=gzipped)

    # gzip adds 18 bytes and at most 5 for each 16 KiB.
    return fetch_checked(name, urls, read, folder=folder, max_bytes=size + size // 1000 + 1024)


def fetch_checked(
    name: str,
    urls: Sequence[str],
    read: Callable[[Path], T],
    *,
    folder: str = "",
    max_bytes: int | None,
    cache: str = "datasets",
    other_folders: Sequence[Path] = (),
    resume: bool = False,
) -> T:
    """Return `read(path)` for a file, downloading it if there is no valid local copy.

    Args:
        name, urls, folder: as for `fetch`.
        read: checks the file at a path and returns its content; raises ContentError if it is wrong.
        max_bytes: a longer download is aborted.
        cache: what `folder` is in below the cache folder.
        other_folders: where else a copy may be, after the cache; a wrong one there is passed over.
        resume: as for `download`.

    Raises:
        DataError: no source provided the file, or the copy in `DUALNET_DATA_DIR` is wrong.
    """
    check_file_name(name)
    local = data_dir()
    if local is not None and os.path.exists(path := local / folder / name):
        try:
            return read(path)
        except ContentError as error:
            raise ContentError(f"{path}: {error}; {LOCAL_ADVICE}") from error

    path = cache_dir() / cache / folder / name
    invalid_copy = ""
    if os.path.exists(path):
        try:
            return read(path)
        except ContentError as error:
            invalid_copy = f" (the copy there is wrong, delete it: {error})"
            warn(f"{path}: {error}; downloading it again")
    for other in other_folders:
        with contextlib.suppress(ContentError):
            return read(other / name)
    expected_path = f"{folder}/{name}" if folder else name
    urls = [*(f"{mirror.rstrip('/')}/{expected_path}" for mirror in mirrors()), *urls]
    try:
        return download(urls, path, read, max_bytes=max_bytes, resume=resume)
    except (UnavailableError, ContentError) as error:
        searched = f"the cache {path.parent}{invalid_copy}"
        if local is not None:
            searched = f"{local / folder} (DUALNET_DATA_DIR), {searched}"
        raise UnavailableError(
            f"{name} is not in {searched}, and no download worked: {error}; connect to the network, put the file there, "
            f"or set DUALNET_DATA_DIR to a folder that has {expected_path}"
        ) from None


def download(
    urls: Sequence[str],
    target: Path,
    check: Callable[[Path], T],
    *,
    max_bytes: int | None = None,
    resume: bool = False,
) -> T:
    """Download `target` from the first mirror that has it; return `check(path)` of the downloaded file.

    An existing `target` is replaced only by a checked file. Several processes may download
    concurrently: each writes its own temporary file, and the last one to finish wins.

    Args:
        urls: mirrors, `http://`, `https://` or `file://`. Failed connections are retried once.
        target: path of the file; its folder is created.
        check: receives the path of the downloaded file, and raises ContentError if it is wrong.
        max_bytes: a longer file is aborted.
        resume: the mirrors have the very same bytes, so that what was received before a transfer broke off is kept, and
            any of them can send the rest: at the next attempt here, or in a later process.

    Raises:
        ContentError: a mirror sent a wrong file.
        UnavailableError: no mirror answered.
        DataError: the file cannot be written.
    """
    part = target.with_name(f".{target.name}.{os.urandom(6).hex()}.part")
    failures: dict[str, DataError] = {}
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if resume and _adopt(target, part):
            with contextlib.suppress(ContentError):  # it may be complete
                value = check(part)
                _install(part, target, check)
                return value
        else:
            open(part, "xb").close()  # tempfile would deny access to others who share the cache
        pending = list(urls)
        with Progress(target.name, max_bytes) as progress:
            for wait in (RETRY_WAIT, None):
                retry = []
                for url in pending:
                    continued = resume and part.stat().st_size > 0
                    try:
                        transfer(url, part, progress, resume=resume)
                        value = check(part)
                    except TransferError as error:
                        failures[url] = DataError(str(error))
                        if error.transient:
                            retry.append(url)
                    except ContentError as error:
                        failures[url] = error
                        os.truncate(part, 0)
                        if continued:  # the two pieces may not belong together
                            retry.append(url)
                    else:
                        _install(part, target, check)
                        return value
                pending = retry
                if not pending or wait is None:
                    break
                time.sleep(wait)
    except DataError:
        raise
    except OSError as error:
        raise DataError(
            f"{target}: cannot be written ({error.strerror or error}); free some space, or choose "
            f"another cache folder with DUALNET_CACHE_DIR"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            if resume and part.stat().st_size > 0:
                os.utime(part, (0, 0))  # nobody writes to it any more
            else:
                part.unlink()
    reasons = "; ".join(f"{_shown(url)}: {why}" for url, why in failures.items())
    invalid_copy = any(isinstance(error, ContentError) for error in failures.values())
    raise (ContentError if invalid_copy else UnavailableError)(reasons)


def _adopt(target: Path, part: Path) -> bool:
    """Take over, as `part`, the largest part of `target` that a transfer left behind. Of several processes one succeeds."""
    found = []
    for path in target.parent.iterdir():
        if path.name.startswith(f".{target.name}.") and path.suffix == ".part":
            with contextlib.suppress(OSError):
                status = path.stat()
                if time.time() - status.st_mtime > ABANDONED:
                    found.append((status.st_size, path))
    for _, path in sorted(found, reverse=True):
        with contextlib.suppress(OSError):
            os.rename(path, part)
            os.utime(part)
            return True
    return False


def _shown(url: str) -> str:
    """The URL without its possible secrets: user, password, query."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"


def _install(part: Path, target: Path, check: Callable[[Path], object]) -> None:
    """Atomically rename the complete file."""
    with open(part, "rb+") as file:
        os.fsync(file.fileno())
    try:
        os.replace(part, target)
    except PermissionError:
        # Windows refuses while another process reads the target, which then is an equally valid copy.
        if not target.is_file():
            raise
        check(target)
