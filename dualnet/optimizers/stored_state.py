"""The state of an optimizer from a file, whichever Keras wrote it: which array belongs to which variable.

Keras 3 writes iterations, learning rate, then the slots weight by weight (``m0 v0 m1 v1``); tf.keras leaves the rate out, and its older
optimizers and Keras 2 write slot by slot (``m0 m1 v0 v1``), some without iterations, some with slots that are not in use.
``.h5`` files have names, which say what an array is; elsewhere the shapes decide between the layouts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from ..core.tensor import Array
from ..core.variables import Variable
from .base import Optimizer

_Key = tuple[str, int]  # what a variable is ("iteration", "velocity", ...), and for a slot the index of its weight
_Shapes = dict[_Key, tuple[int, ...]]
_SCALARS = ("iteration", "learning_rate", "u_product")

# What other versions of Keras call a slot; where there are several, the one that the optimizer has.
_SYNONYMS: dict[str, tuple[str, ...]] = {
    "iter": ("iteration",),
    "iterations": ("iteration",),
    "lr": ("learning_rate",),
    "momentum_cache": ("u_product",),
    "m": ("momentum",),
    "v": ("velocity", "norm"),
    "u": ("norm",),
    "vhat": ("velocity_hat",),
    "rms": ("velocity",),
    "mg": ("average_gradient",),
    "accum_grad": ("accumulated_grad",),
    "accum_var": ("accumulated_delta_var",),
}
# Classes whose states mean the same.
_ALIKE = ({"adam", "adamw"},)


def restore(
    optimizer: Optimizer,
    arrays: Sequence[Array],
    names: Sequence[str] | None = None,
    weights: Sequence[Variable] = (),
    stored_name: str | None = None,
) -> str | None:
    """Set the state of a built optimizer to the arrays of a file, as far as it is there; the rest keeps its initial value.

    Args:
        arrays: the arrays in the order of the file.
        names: their names, where the file has any.
        weights: all weights of the model that an update may change. The state in the file may be for all of them, while some
            were frozen when the optimizer was built.
        stored_name: the name of the optimizer in the file.

    Returns:
        What is lost, for a warning, or None.
    """
    known = [v for v in optimizer.known_variables if not v.overwrite_with_gradient]
    if stored_name is not None and _is_another(stored_name, optimizer):
        return f"it is that of {stored_name!r}, and the model has {optimizer.name!r}: the optimizer starts afresh"
    own = _own_keys(optimizer)
    values = None
    for variables in (known, list(weights)):
        values = _by_name(optimizer, arrays, names, variables) if names else None
        values = _by_layout(optimizer, arrays, own, variables, _is_old(names)) if values is None else values
        if values is not None:
            values = _of_known(values, variables, known)
            break
    if values is None:
        _set_count(optimizer, arrays)
        return (
            f"it has {len(arrays)} arrays, and {optimizer.name!r} has {len(own)} for the {len(known)} weights that "
            f"are trained: the optimizer starts afresh, at step {optimizer.step_count()}"
        )
    for key, variable in own.items():
        if key in values:
            variable.assign(values[key].astype(variable.dtype))
    # Where there are no rows and columns, Keras 3 has numbers in the place of their averages.
    absent = {key[0] for key, v in own.items() if key not in values and not (key[0] in ("r", "c") and v.shape == ())}
    missing = absent - {"iteration", "learning_rate"}
    missing = optimizer.complete_state(missing)
    if missing:
        return f"it has nothing for {', '.join(sorted(missing))} of {optimizer.name!r}, which start afresh"
    return None


def _is_another(stored_name: str, optimizer: Optimizer) -> bool:
    """Whether a name is that of another class of dualnet's optimizers."""
    from . import __all__ as public

    def plain(name: str) -> str:
        return re.sub(r"_\d+$", "", name).lower().replace("_", "")

    stored = plain(stored_name)
    if stored_name == optimizer.name or stored not in {name.lower() for name in public}:
        return False
    own = {plain(c.__name__) for c in type(optimizer).__mro__}
    return stored not in own and not any(stored in group and own & group for group in _ALIKE)


def _own_keys(optimizer: Optimizer) -> dict[_Key, Variable]:
    """The variables of an optimizer by what they are."""
    counts: dict[str, int] = {}
    keys: dict[_Key, Variable] = {}
    for variable in optimizer.variables:
        index = counts.get(variable.name, 0)
        counts[variable.name] = index + 1
        keys[variable.name, index] = variable
    return keys


def _slot_names(optimizer: Optimizer) -> list[str]:
    return list(dict.fromkeys(v.name for v in optimizer._slot_variables()))


def _of_known(
    values: Mapping[_Key, Array], variables: Sequence[Variable], known: Sequence[Variable]
) -> dict[_Key, Array]:
    """The values for all weights as those for the weights that the optimizer was built for."""
    index = {id(v): i for i, v in enumerate(known)}
    indices = {i: index.get(id(v)) for i, v in enumerate(variables)}
    renumbered = {(name, i if name in _SCALARS else indices.get(i, i)): value for (name, i), value in values.items()}
    return {(name, i): value for (name, i), value in renumbered.items() if i is not None}


def _set_count(optimizer: Optimizer, arrays: Sequence[Array]) -> None:
    """Go on counting steps where the file does, if it begins with their number."""
    if len(arrays) > 1 and arrays[0].shape == () and arrays[0].dtype.kind in "iu":
        optimizer._iterations.assign(arrays[0])


# -- by name -------------------------------------------------------------------------------------------------------


def _is_old(names: Sequence[str] | None) -> bool:
    """Whether names are those of TensorFlow's variables."""
    return bool(names) and any(name.endswith(":0") for name in names or ())


def _by_name(
    optimizer: Optimizer, arrays: Sequence[Array], names: Sequence[str], variables: Sequence[Variable]
) -> dict[_Key, Array] | None:
    """The arrays by what their names say they are, or None where the names do not say it."""
    slots = _slot_names(optimizer)
    shapes = [v.shape for v in variables]
    for read_slot in (_last_part, _second_part, _ending):
        groups: dict[str, list[Array]] = {}
        for name, array in zip(names, arrays):
            slot = _canonical(read_slot(name.removesuffix(":0").split("/"), slots), slots)
            groups.setdefault(slot, []).append(array)
        if "" not in groups and all(
            [a.shape for a in group] == (shapes if name in slots else [()])
            for name, group in groups.items()
            if name in slots or name in _SCALARS
        ):
            return {
                (name, i): array
                for name, group in groups.items()
                if name in slots or name in _SCALARS
                for i, array in enumerate(group)
            }
    return None


def _last_part(parts: list[str], slots: Sequence[str]) -> str:
    return parts[-1]  # Adam/dense/kernel/m


def _second_part(parts: list[str], slots: Sequence[str]) -> str:
    return parts[1] if len(parts) > 2 else parts[-1]  # Adam/m/dense/kernel


def _ending(parts: list[str], slots: Sequence[str]) -> str:
    endings = [slot for slot in slots if parts[-1].endswith(f"_{slot}")]  # adam/dense_kernel_momentum
    return max(endings, key=len, default=parts[-1])


def _canonical(word: str, slots: Sequence[str]) -> str:
    """Our name of what a word stands for, or "" for a word that is none of Keras's."""
    if word in slots or word in _SCALARS or any(word in names for names in _SYNONYMS.values()):
        return word
    options = _SYNONYMS.get(word, ("",))
    return next((name for name in options if name in slots), options[0])


# -- by shape ------------------------------------------------------------------------------------------------------


def _by_layout(
    optimizer: Optimizer,
    arrays: Sequence[Array],
    own: Mapping[_Key, Variable],
    variables: Sequence[Variable],
    old: bool,
) -> dict[_Key, Array] | None:
    """The arrays as the first layout of theirs has them that fits their shapes, or None.

    old: whether tf.keras or Keras 2 wrote them.
    """
    known = [v for v in optimizer.known_variables if not v.overwrite_with_gradient]
    is_known = list(map(id, variables)) == list(map(id, known))
    found = tuple(a.shape for a in arrays)
    if is_known and not old and tuple(v.shape for v in own.values()) == found:
        return dict(zip(own, arrays))
    weights = [v.shape for v in variables]
    shapes: _Shapes = {(name, 0): () for name in _SCALARS}
    for slot in ("average", "gradient_accumulator", *_slot_names(optimizer)):
        shapes |= {(slot, i): shape for i, shape in enumerate(weights)}
    if is_known:
        shapes |= {key: v.shape for key, v in own.items()}
    for layout in _layouts(optimizer, weights, own, old):
        for unused in ([], weights, [(1,)] * len(weights)):
            if (*(shapes.get(key) for key in layout), *unused) == found:
                return dict(zip(layout, arrays))
    return None


def _layouts(
    optimizer: Optimizer, weights: Sequence[tuple[int, ...]], own: Mapping[_Key, Variable], old: bool
) -> Iterator[list[_Key]]:
    """What the arrays of a state may be, in the order to try."""
    slots = _slot_names(optimizer)
    hats = [name for name in slots if name == "velocity_hat"]
    indices = range(len(weights))
    averages = [(name, i) for name in ("average", "gradient_accumulator") if (name, 0) in own for i in indices]
    by_slot: list[_Key] = [(name, i) for name in slots for i in indices]
    by_weight: list[_Key] = [(name, i) for i in indices for name in slots if name not in hats]
    by_weight += [(name, i) for name in hats for i in indices]
    orders = [by_slot, by_weight] if old or not optimizer.slots_by_variable else [by_weight, by_slot]
    # tf.keras has no row and column averages of vectors.
    factored = [(name, i) for name, i in by_weight if name not in ("r", "c") or len(weights[i]) > 1]
    product: list[_Key] = [("u_product", 0)] if ("u_product", 0) in own else []
    count, rate = [("iteration", 0)], [("learning_rate", 0)]
    heads: list[list[_Key]] = [[*count, *rate], count, []]
    heads.insert(0 if old else 2, [*count, *product])
    for order in (*orders, factored):
        for head in heads:
            for tail in (product, []):
                yield [*head, *averages, *order, *(tail if not set(tail) & set(head) else [])]
