"""The program around ``predict``: it reads files, and writes the predictions."""

import argparse
import csv
import os
import sys
from pathlib import Path

import numpy as np

INPUTS = {}
OUTPUTS = []


def predict(x):
    raise NotImplementedError


def read(path, dtype, shape):
    """The samples in a .npy or .csv file, or CSV from standard input for "-".  -> (batch, *shape)"""
    if path.endswith(".npy"):
        try:
            x = np.load(path, allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise ValueError(f"{path}: {error}") from None
    else:
        with sys.stdin if path == "-" else open(path, newline="", encoding="utf-8-sig") as file:
            try:
                rows = [row for row in csv.reader(file) if row]
            except (UnicodeDecodeError, csv.Error) as error:
                raise ValueError(f"{path}: {error}") from None
        if rows and dtype != "object" and not any(map(is_number, rows[0])):
            del rows[0]  # the names of the columns
        if not rows:
            raise ValueError(f"{path}: expected a row for each sample, with commas between the columns, got none")
        width = len(rows[0])
        for number, row in enumerate(rows, start=1):
            if len(row) != width:
                raise ValueError(f"{path}: row {number} has {len(row)} columns, the first has {width}")
        try:
            x = np.array(rows, dtype=object if dtype == "object" else float)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
        known = [n for n in shape if n is not None]
        if width % int(np.prod(known)) or (len(known) == len(shape) and width != int(np.prod(known))):
            raise ValueError(
                f"{path}: expected {int(np.prod(known))} columns for a sample of shape {shape}, got {width}"
            )
        x = x.reshape(len(rows), *(-1 if n is None else n for n in shape))
    if x.ndim != len(shape) + 1 or any(n not in (None, m) for n, m in zip(shape, x.shape[1:])):
        expected = ", ".join(["batch", *("any" if n is None else str(n) for n in shape)])
        raise ValueError(f"{path}: expected an array of shape ({expected}), got {x.shape}")
    if x.dtype.kind not in ("OU" if dtype == "object" else "biuf"):
        raise ValueError(f"{path}: expected {'strings' if dtype == 'object' else 'numbers'}, got {x.dtype}")
    if not dtype.startswith(("float", "object")):
        with np.errstate(invalid="ignore"):
            if np.any(x.astype(dtype) != x):
                raise ValueError(f"{path}: expected numbers that are {dtype}, got others, such as fractions")
    return x


def is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def write(path, outputs):
    """The predictions to a .npy file (.npz for several outputs), or as CSV to a file or standard output"""
    outputs = [np.atleast_1d(y) for y in outputs]
    if path is None:
        write_rows(sys.stdout, outputs)
        sys.stdout.flush()
        return
    unfinished = f"{path}.part"  # until all is written, an earlier file stays as it is
    try:
        if path.endswith(".csv"):
            with open(unfinished, "w", newline="", encoding="utf-8") as file:
                write_rows(file, outputs)
        else:
            with open(unfinished, "wb") as file:
                np.save(file, outputs[0]) if path.endswith(".npy") else np.savez(file, **dict(zip(OUTPUTS, outputs)))
        os.replace(unfinished, path)
    except BaseException:
        if os.path.exists(unfinished):
            os.unlink(unfinished)
        raise


def write_rows(file, outputs):
    """A row of CSV for each sample"""
    columns = [y.reshape(len(y), int(np.prod(y.shape[1:]))).astype(object) for y in outputs]
    csv.writer(file, lineterminator="\n").writerows(np.concatenate(columns, axis=1).tolist())


def main():
    parser = argparse.ArgumentParser(description="Predict with a model.", epilog="Without -o, CSV is printed.")
    for name, (dtype, shape) in INPUTS.items():
        samples = ", ".join(["batch", *("any" if n is None else str(n) for n in shape)])
        parser.add_argument(name, help=f"a .npy or .csv file, or - for CSV from a pipe: ({samples}), {dtype}")
    parser.add_argument("-o", "--output", metavar="FILE", help="a .npy or .csv file (.npz for several outputs)")
    arguments = vars(parser.parse_args())
    output = arguments.pop("output")
    try:
        if output is not None and not output.endswith((".npy", ".npz", ".csv")):
            raise ValueError(f"{output}: expected a name that ends in .npy, .npz or .csv")
        if output is not None and output.endswith(".npy") and len(OUTPUTS) > 1:
            raise ValueError(f"{output}: there are {len(OUTPUTS)} outputs: use .npz")
        inputs = [read(arguments[name], dtype, shape) for name, (dtype, shape) in INPUTS.items()]
        write(output, predict_all(inputs))
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError) as error:
        parser.exit(2, f"{Path(__file__).name}: {error}\n")


def predict_all(inputs):
    raise NotImplementedError
