"""Ops that are one expression of NumPy: the source code of each, with the names of its arguments in braces.

Any op that stands neither here nor in ``statements`` is a call of the function of its name in ``formulas``.
"""

from __future__ import annotations

_SAME_NAME = {  # as in NumPy: the op, and its arguments by position
    1: """ arccos arccosh arcsin arcsinh arctan arctanh cbrt ceil conjugate cos cosh deg2rad exp exp2 expm1 floor isfinite isinf isnan
        isneginf isposinf log log10 log1p log2 logical_not rad2deg ravel reciprocal sign signbit sin sinh sqrt square tan tanh trunc
        imag real angle isreal i0 sinc fabs triu tril """,
    2: """ arctan2 bitwise_and bitwise_or bitwise_xor fmax fmin fmod gcd heaviside hypot kron lcm ldexp logaddexp logaddexp2 logical_and
        logical_or logical_xor maximum minimum nextafter """,
}

EXPRESSIONS: dict[str, str] = {
    "add": "{x1} + {x2}",
    "subtract": "{x1} - {x2}",
    "multiply": "{x1} * {x2}",
    "divide": "{x1} / {x2}",
    "floor_divide": "{x1} // {x2}",
    "mod": "np.mod({x1}, {x2})",
    "power": "{x1} ** {x2}",
    "matmul": "{x1} @ {x2}",
    "equal": "{x1} == {x2}",
    "not_equal": "{x1} != {x2}",
    "less": "{x1} < {x2}",
    "less_equal": "{x1} <= {x2}",
    "greater": "{x1} > {x2}",
    "greater_equal": "{x1} >= {x2}",
    "negative": "-{x}",
    "absolute": "np.abs({x})",
    "bitwise_not": "~{x}",
    "rsqrt": "1 / np.sqrt({x})",
    "where": "np.where({condition}, {x1}, {x2})",
    "clip": "np.clip({x}, {x_min}, {x_max})",
    "cast": "{x}.astype({dtype})",
    "copy": "{x}.copy()",
    "linear": "{x}",
    "stop_gradient": "{variable}",
    "reshape": "{x}.reshape({*newshape})",
    "transpose": "{x}.transpose({*axes})",
    "swapaxes": "np.swapaxes({x}, {axis1}, {axis2})",
    "moveaxis": "np.moveaxis({x}, {source}, {destination})",
    "expand_dims": "np.expand_dims({x}, axis={axis})",
    "squeeze": "np.squeeze({x}, axis={axis})",
    "broadcast_to": "np.broadcast_to({x}, {shape})",
    "flip": "np.flip({x}, axis={axis})",
    "roll": "np.roll({x}, {shift}, {axis})",
    "repeat": "np.repeat({x}, {repeats}, axis={axis})",
    "tile": "np.tile({x}, {repeats})",
    "concatenate": "np.concatenate([{*xs}], axis={axis})",
    "stack": "np.stack([{*xs}], axis={axis})",
    "unstack": "np.moveaxis({x}, {axis}, 0)",
    "take": "np.take({x}, {indices}, axis={axis})",
    "take_along_axis": "np.take_along_axis({x}, {indices}, {axis})",
    "get_item": "{x}[{key}]",
    "zeros_for_batch": "np.zeros((len({x}), {*shape}), dtype={dtype})",
    "cumsum": "np.cumsum({x}, axis={axis}, dtype={dtype})",
    "cumprod": "np.cumprod({x}, {axis}, dtype={dtype})",
    "argsort": 'np.argsort({x}, {axis}, kind="stable")',
    "sort": "np.sort({x}, {axis})",
    "searchsorted": "np.searchsorted({sorted_sequence}, {values}, side={side})",
    "digitize": 'np.searchsorted({bins}, {x}, side="right")',
    "count_nonzero": "np.count_nonzero({x}, {axis})",
    "diagonal": "np.diagonal({x}, {offset}, {axis1}, {axis2})",
    "einsum": "np.einsum({subscripts}, {*operands}, optimize=True)",
    "attention_band": "band({query}.shape[{axis}], {key}.shape[{axis}], is_causal={is_causal}, window={window}, offset={offset})",
    "top_indices": 'np.argsort(-{x}, axis=-1, kind="stable")[..., :{k}]',
    "take_distinct": "np.take_along_axis({x}, {indices}, -1)",
    "isclose": "np.isclose({x1}, {x2}, {rtol}, {atol}, equal_nan={equal_nan})",
    "meshgrid": "np.meshgrid({*xs}, indexing={indexing})",
    "vander": "np.vander({x}, {N}, increasing={increasing})",
    "diagonal_matrix": "np.diag({x}, {k})",
    "eigh": "np.linalg.eigh({x})",
    "qr": "np.linalg.qr({x}, {mode})",
    "svd": "np.linalg.svd({x}, {full_matrices})",
    "cholesky": "np.linalg.cholesky({x})",
    "slogdet": "np.linalg.slogdet({x})",
    "round": "np.round({x}, {decimals})",
    "nan_to_num": "np.nan_to_num({x}, nan={nan}, posinf={posinf}, neginf={neginf})",
    "inv": "np.linalg.inv({x})",
    "det": "np.linalg.det({x})",
    "solve": "np.linalg.solve({a}, {b})",
    **{name: f"np.{name}({{x}}, axis={{axis}}, keepdims={{keepdims}})" for name in ("sum", "mean", "std", "var")},
    **{name: f"np.{name}({{x}}, axis={{axis}}, keepdims={{keepdims}})" for name in ("any", "all", "prod")},
    **{name: f"np.{name}({{x}}, axis={{axis}}, keepdims={{keepdims}})" for name in ("argmax", "argmin")},
    "length": "np.sqrt(np.sum({x} * {x}, axis={axis}, keepdims={keepdims}))",
    "bitwise_left_shift": "{x} << {y}",
    "bitwise_right_shift": "{x} >> {y}",
}
EXPRESSIONS |= {name: f"np.{name}({{x}})" for name in _SAME_NAME[1].split() if name not in ("tril", "triu")}
EXPRESSIONS |= {name: f"np.{name}({{x1}}, {{x2}})" for name in _SAME_NAME[2].split() if not name.startswith("bitwise")}
EXPRESSIONS |= {f"bitwise_{word}": f"{{x}} {sign} {{y}}" for word, sign in (("and", "&"), ("or", "|"), ("xor", "^"))}
EXPRESSIONS |= {name: f"np.{name}({{x}}, {{k}})" for name in ("tril", "triu")}

# How strongly the operators bind, as in Python; a call or a name binds more than any of them.
PRECEDENCE = {
    **dict.fromkeys(("equal", "not_equal", "less", "less_equal", "greater", "greater_equal"), 1),
    **dict.fromkeys(("bitwise_or", "bitwise_xor", "bitwise_and", "bitwise_left_shift", "bitwise_right_shift"), 2),
    **dict.fromkeys(("add", "subtract"), 3),
    **dict.fromkeys(("multiply", "divide", "floor_divide", "matmul", "rsqrt"), 4),
    **dict.fromkeys(("negative", "bitwise_not"), 5),
    "power": 6,
}
ATOM = 9

# Ops that may be a part of the expression of the next op: operators, and functions of one argument.
INLINE = {*PRECEDENCE, "sigmoid", "tanh", "relu", "exp", "sqrt", "square", "absolute", "get_item", "logical_not"} - {
    "power"
}
