"""The op table: Einstein sums."""

from __future__ import annotations

from typing import Any

import numpy as np

from dualnet.ops.linalg import einsum as einstein

from .cases import F, Row, Sample, call, other


def of(subscripts: str, *shapes: tuple[int, ...]) -> Sample:
    return call(*(F(s) for s in shapes), subscripts=subscripts)


def reference(*operands: Any, subscripts: str) -> Any:
    return np.einsum(subscripts, *operands)


ROWS: list[Row] = [
    other(
        einstein.einsum,
        np.einsum,
        call("ij,jk->ik", F((3, 4)), F((4, 2))),
        call("ij,jk", F((3, 4)), F((4, 2)), optimize=True),
    ),
    other(
        einstein._einsum,
        reference,
        of("ij,jk->ik", (3, 4), (4, 2)),
        of("ij,jk", (3, 4), (4, 2)),
        of(" ij , jk -> ki ", (3, 4), (4, 2)),
        of("bqhd,bkhd->bhqk", (2, 3, 2, 4), (2, 5, 2, 4)),
        of("abc,bcd->ad", (2, 3, 4), (3, 4, 2)),
        of("i,j->ij", (3,), (2,)),
        of("i,i->", (3,), (3,)),
        of("ij,ij->i", (3, 4), (3, 4)),
        of("ij,ij->ji", (3, 4), (3, 4)),
        of("ij->ji", (3, 4)),
        of("ba", (3, 4)),
        of("ij->", (3, 4)),
        of("ii->i", (3, 3)),
        of("ii", (3, 3)),
        of("iii->i", (2, 2, 2)),
        of("ijij->ij", (2, 3, 2, 3)),
        of("iij,jk->k", (3, 3, 2), (2, 4)),
        of("ij,k->i", (3, 4), (2,)),
        of("...ij,...jk->...ik", (2, 1, 3, 4), (5, 4, 2)),
        of("...ij,jk", (2, 3, 4), (4, 2)),
        of("i...->...", (3, 4, 2)),
        of("i...,i...", (3, 4), (3, 1)),
        of("ij,jk->ik", (3, 1), (4, 2)),
        of("ij,ij->j", (3, 4), (1, 4)),
        of("ij,jk,kl->il", (2, 3), (3, 4), (4, 5)),
        of("ij,jk,ik,l->lj", (2, 3), (3, 4), (2, 4), (2,)),
        of(",ij->ij", (), (3, 4)),
        of("->", ()),
    ),
]
