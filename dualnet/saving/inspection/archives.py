"""Zip archives: ``.keras`` and ``.npz`` files."""

from __future__ import annotations

import zipfile

from ..hdf5 import open_file
from ..limits import check_member
from .arrays import npy_header
from .configs import note_config
from .hdf5_files import sort_arrays, stored_arrays
from .report import Report, StoredArray, parse_json


def note_zip(report: Report) -> None:
    """Note what is in a zip archive: a model, or arrays of NumPy."""
    with zipfile.ZipFile(report.path) as archive:
        names = archive.namelist()
        if "config.json" not in names and names and all(name.endswith(".npy") for name in names):
            report.format = "NumPy arrays (.npz)"
            for info in archive.infolist():
                check_member(info, report.path)
                with archive.open(info) as stream:
                    name = info.filename.removesuffix(".npy")
                    report.arrays.append(npy_header(stream, name, info.file_size))
            return
        report.format = "model of Keras 3 (.keras)" if "config.json" in names else "zip archive"
        weights: list[StoredArray] = []
        for info in archive.infolist():
            try:
                check_member(info, report.path)
                if info.filename.endswith(".h5"):
                    weights += _weights_member(report, archive, info)
                elif info.filename.startswith("assets/") and not info.is_dir():
                    report.assets.append((info.filename.removeprefix("assets/"), info.file_size))
            except (ValueError, zipfile.BadZipFile, OSError) as error:
                report.refuse(error)
        if "metadata.json" in names:
            metadata = parse_json(archive.read(_checked(archive, "metadata.json", report)), "metadata.json")
            report.versions = {key: str(value) for key, value in metadata.items()}
        for name in ("config.json", "model.weights.h5"):
            if name not in names:
                report.refuse(f"it holds no {name}")
        if "config.json" in names:
            note_config(
                report, parse_json(archive.read(_checked(archive, "config.json", report)), "config.json"), weights
            )


def _checked(archive: zipfile.ZipFile, name: str, report: Report) -> zipfile.ZipInfo:
    info = archive.getinfo(name)
    check_member(info, report.path)
    return info


def _weights_member(report: Report, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> list[StoredArray]:
    with archive.open(info) as stream, open_file(stream, report.path) as file:  # a zip member can be searched in
        return sort_arrays(report, stored_arrays(report, file))
