"""`get_file`: download a file into the cache, check it and unpack it safely."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from ..core.warning import warn
from ..datasets import download


def get_file(
    fname: str | os.PathLike[str] | None = None,
    origin: str | None = None,
    untar: bool = False,
    md5_hash: str | None = None,
    file_hash: str | None = None,
    cache_subdir: str = "datasets",
    hash_algorithm: str = "auto",
    extract: bool = False,
    archive_format: str | Sequence[str] | None = "auto",
    cache_dir: str | os.PathLike[str] | None = None,
    force_download: bool = False,
) -> str:
    """Download a file unless it is cached, and return its path, or that of its unpacked folder.

    Args:
        fname: its name in the cache; by default the last part of `origin`. When unpacking, the folder has that name, or
            `<fname up to its first dot>_extracted` if it has a dot.
        origin: its URL, `http://`, `https://` or `file://`.
        untar: older spelling of `extract=True, archive_format="tar"`.
        md5_hash: older spelling of `file_hash` with `hash_algorithm="md5"`.
        file_hash: the expected hash, in hexadecimal. Without it the file is not checked.
        cache_subdir: folder below `cache_dir`, or an absolute path.
        hash_algorithm: `"sha256"`, `"md5"`, or `"auto"` to infer it from the length of `file_hash`.
        extract: unpack the file. An archive with anything but regular files inside its folder (links, devices, paths
            leading out) is refused as a whole.
        archive_format: `"tar"` (plain, gzip, bzip2, xz), `"zip"`, a list of these, or `"auto"`.
        cache_dir: by default `$DUALNET_CACHE_DIR`, or the user's cache folder.
        force_download: download even if the file is cached.

    Raises:
        ValueError: an argument is invalid, or the downloaded file is not the expected one (then it is a
            `dualnet.datasets.download.ContentError`); the cached file stays.
        dualnet.datasets.download.DataError: the file cannot be downloaded, written or unpacked.
    """
    if origin is None:
        raise ValueError("get_file needs `origin`, the address of the file")
    address = urlsplit(origin)
    if address.scheme.lower() not in ("http", "https", "file"):
        raise ValueError(f"origin must start with http://, https:// or file://, got {origin!r}")
    if md5_hash is not None and file_hash is None:
        file_hash, hash_algorithm = md5_hash, "md5"
    algorithm = _algorithm(hash_algorithm, file_hash)

    name = os.fspath(fname) if fname else address.path.rpartition("/")[2]
    if not name:
        raise ValueError(f"origin {origin!r} does not end in a file name; give one as `fname`")
    download.check_file_name(name)

    root = Path(cache_dir).expanduser() if cache_dir is not None else download.cache_dir()
    folder = root / cache_subdir
    target = unpacked = folder / name
    unpack = extract or untar
    if unpack and fname and "." in name:
        unpacked = folder / f"{name.partition('.')[0]}_extracted"
    elif unpack:
        target = folder / f"{name}_archive"

    def check(path: Path) -> None:
        if file_hash is not None and (digest := hash_file(path, algorithm)) != file_hash.lower():
            message = f"Incomplete or corrupted file: expected {algorithm} {file_hash}, found {digest}"
            raise download.ContentError(message)

    if target.is_dir():
        raise download.DataError(f"{target} is a folder, expected a file; choose another `fname`")
    needs_download = force_download or not target.exists()
    if not needs_download:
        try:
            check(target)
        except download.ContentError as error:
            warn(f"{target}: {error}; downloading it again")
            needs_download = True
    if needs_download:
        download.download([origin], target, check)
    if not unpack:
        return str(target)

    from .archive_utils import extract_archive

    try:
        extract_archive(target, unpacked, "tar" if untar else archive_format)
    except download.ContentError as error:
        raise download.ContentError(f"{error}; force_download=True downloads it again") from error
    return str(unpacked)


def hash_file(path: str | os.PathLike[str], algorithm: str = "sha256") -> str:
    """Return the sha256 or md5 of a file, in lower-case hexadecimal."""
    # It guards against accidents only, so md5 is allowed in FIPS mode too.
    hasher = hashlib.new(algorithm, usedforsecurity=algorithm != "md5")
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hasher).hexdigest()


def _algorithm(name: str, file_hash: str | None) -> str:
    if name not in ("auto", "sha256", "md5"):
        raise ValueError(f"hash_algorithm must be 'auto', 'sha256' or 'md5', got {name!r}")
    if file_hash is None:
        return name
    digest = {64: "sha256", 32: "md5"}.get(len(file_hash))
    if digest is None or name not in ("auto", digest):
        raise ValueError(
            f"file_hash must have 64 hexadecimal digits (sha256) or 32 (md5), got {len(file_hash)} with hash_algorithm={name!r}"
        )
    return digest
