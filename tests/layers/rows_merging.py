"""The layer table: merge layers, on inputs of one shape, of shapes that broadcast, and with masks."""

from __future__ import annotations

from .cases import B, Case, F, case

A, STEPS = F((2, 4, 3)), B((2, 4))
ELEMENTWISE = ("Add", "Average", "Maximum", "Minimum", "Multiply")
ROWS: list[Case] = [
    *(case(name, A, A, A) for name in ELEMENTWISE),
    *(case(name, A, F((2, 1, 3))) for name in (*ELEMENTWISE, "Subtract")),
    *(case(name, A, F((2, 3))) for name in (*ELEMENTWISE, "Subtract")),
    *(case(name, F((2, 5, 4, 3)), F((2, 3)), F((2, 4, 1))) for name in ELEMENTWISE),
    *(case(name, A, A, A).masked(STEPS, STEPS, STEPS) for name in ELEMENTWISE),
    *(case(name, A, A, A).masked(STEPS, None, STEPS) for name in ELEMENTWISE),
    *(case(name, A, A).masked(None, STEPS) for name in (*ELEMENTWISE, "Subtract")),
    case("Subtract", A, A).masked(STEPS, STEPS),
    case("Concatenate", A, F((2, 4, 2)), A),
    case("Concatenate", A, F((2, 1, 3)), axis=1),
    case("Concatenate", A, A, axis=1).masked(STEPS, None),
    case("Concatenate", A, A, axis=-1).masked(STEPS, STEPS),
    case("Concatenate", F((2, 3, 4, 5)), F((2, 3, 1, 5)), axis=-2),
    case("Dot", F((2, 4)), F((2, 4)), axes=1),
    case("Dot", F((2, 4)), F((2, 4)), axes=-1, normalize=True),
    case("Dot", F((2, 3, 4)), F((2, 5, 4)), axes=2),
    case("Dot", F((2, 3, 4)), F((2, 3, 5)), axes=(1, 1)),
    case("Dot", F((2, 3, 4)), F((2, 4)), axes=(2, 1)),
    case("Dot", F((2, 4)), F((2, 5, 4)), axes=(1, 2)),
    case("Dot", F((2, 3, 4, 2)), F((2, 5, 3, 6)), axes=(1, 2), normalize=True),
    case("Dot", A, A, axes=-1).masked(STEPS, STEPS),
]
