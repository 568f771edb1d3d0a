"""Operations: what stands in a graph, and is called with tensors. Layers are operations with weights."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Self

from .. import tree
from ..core import op as op_
from ..core.naming import auto_name
from ..core.op import is_symbolic
from ..core.placement import beside
from ..core.symbolic import KerasTensor
from ..core.tracing import state
from .infer import infer, probe, symbols
from .node import Node, record
from .trial import is_trial, trial

_PLAIN = (str, int, float, bool, type(None))


class Operation:
    """A function of tensors that can stand in a model: without weights, unlike a ``Layer``, which is one too.

    One of your own defines ``call``, and ``compute_output_spec`` if the shapes of the outputs do not follow from running ``call`` on
    symbolic tensors. On tensors it is computed, on symbolic ones recorded as a call in the graph. It is saved with a model if its
    class is registered (``saving.register_keras_serializable``); ``get_config`` is needed if an argument of the constructor is no
    plain value.

    Args:
        name: by default the class in snake_case, numbered.
    """

    _auto_args: tuple[tuple[Any, ...], dict[str, Any]]  # what the constructor was called with

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        operation = super().__new__(cls)
        object.__setattr__(operation, "_auto_args", (args, kwargs))
        return operation

    def __init__(self, name: str | None = None) -> None:
        if name is not None and (not isinstance(name, str) or "/" in name):
            raise ValueError(
                f"Argument `name` must be a string and cannot contain character `/`. Received: name={name} (of type {type(name)})"
            )
        self.name = name or auto_name(type(self).__name__)
        self._inbound_nodes: list[Node] = []

    # -- calling -------------------------------------------------------------------------------------------------

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """The outputs for tensors."""
        raise NotImplementedError(f"{type(self).__name__} must define call(...)")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if "_inbound_nodes" not in self.__dict__:
            raise RuntimeError(f"{type(self).__name__}.__init__ must call super().__init__() first")
        if is_symbolic(args) or is_symbolic(kwargs):
            return self.symbolic_call(*args, **kwargs)
        try:
            with beside((args, kwargs)):
                return self.call(*args, **kwargs)
        except Exception as error:
            _say_where(error, self, args, kwargs)
            raise

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """Symbolic outputs for symbolic inputs; the call is recorded in the graph."""
        spec = self.compute_output_spec(*args, **kwargs)
        return symbols(spec) if is_trial() else record(self, args, kwargs, spec)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Symbolic tensors with the shapes and dtypes of the outputs for symbolic inputs; ``call`` is traced."""

        def symbol(x: Any) -> Any:
            return symbols(x) if isinstance(x, KerasTensor) else x

        with trial() as changes:
            changes.watch(())
            before, state.in_traced_call = state.in_traced_call, True
            try:
                return symbols(self.call(*tree.map_structure(symbol, args), **tree.map_structure(symbol, kwargs)))
            except Exception as error:
                state.in_traced_call = before
                try:
                    return symbols(probe(self.call, args, kwargs))
                except Exception:
                    name = type(self).__name__
                    error.add_note(
                        f"Could not automatically infer the output shape / dtype of {self.name!r} (of type {name}): either "
                        f"`{name}.call()` is incorrect, or you need to implement `{name}.compute_output_spec()`"
                    )
                    raise error from None
            finally:
                state.in_traced_call = before

    # -- in a graph ----------------------------------------------------------------------------------------------

    def _first_node(self) -> Node:
        if not self._inbound_nodes:
            raise AttributeError(f"{self.name!r} was never called on a symbolic tensor: it has no input or output")
        return self._inbound_nodes[0]

    @property
    def input(self) -> Any:
        """The symbolic input of its first call, a list if there are several."""
        inputs = self._first_node().inputs
        return inputs[0] if len(inputs) == 1 else inputs

    @property
    def output(self) -> Any:
        """The symbolic output of its first call, a list if there are several."""
        outputs = tree.flatten(self._first_node().outputs)
        return outputs[0] if len(outputs) == 1 else outputs

    # -- as a config ---------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, if they are plain values. A ``get_config`` of your own adds to the name, which this gives."""
        if type(self).get_config is not Operation.get_config:
            return {"name": self.name}
        parameters = inspect.signature(type(self).__init__).parameters
        by_position = [p for p in list(parameters.values())[1:] if p.kind is p.POSITIONAL_ONLY]
        bound = inspect.signature(type(self).__init__).bind(self, *self._auto_args[0], **self._auto_args[1])
        bound.apply_defaults()
        arguments = dict(list(bound.arguments.items())[1:])
        keywords: dict[str, Any] = {}
        for p in parameters.values():
            if p.kind is p.VAR_KEYWORD:
                keywords = arguments.pop(p.name)
            elif p.kind is p.VAR_POSITIONAL and arguments.pop(p.name):
                by_position.append(p)
        cls, hint = type(self).__name__, "define get_config(), with what from_config() needs to make it again"
        if by_position:
            names = ", ".join(p.name for p in by_position)
            raise NotImplementedError(
                f"{cls} takes positional only or variadic positional arguments ({names}), which a config cannot name: {hint}"
            )
        config = {**arguments, **keywords}
        complex_ = [k for k, v in config.items() if not all(isinstance(x, _PLAIN) for x in tree.flatten(v))]
        if complex_:
            raise NotImplementedError(
                f"{cls} was created with non-serializable argument values ({', '.join(complex_)}), so its config does not follow "
                f"from them: {hint}"
            )
        takes_name = "name" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        return ({"name": self.name} if takes_name else {}) | {k: v for k, v in config.items() if k != "name"}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """The operation that a config describes."""
        return cls(**config)


class RecordedOp(Operation):
    """An op of ``dualnet.ops`` that was called on symbolic tensors."""

    def __init__(self, op: Callable[..., Any], name: str | None = None) -> None:
        self.op = op
        self.name = name or auto_name(op.__name__.lstrip("_"))
        self._inbound_nodes = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.op(*args, **kwargs)

    call = __call__


def _say_where(error: Exception, operation: Operation, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Say in which operation an error happened, once, at the innermost one."""
    if not getattr(error, "_dualnet_noted", False):
        values = [*args, *kwargs.values()]
        shapes = [getattr(x, "shape", type(x).__name__) for x in tree.flatten(values)]
        error.add_note(
            f"in {operation.name!r} ({type(operation).__name__}), called on shape {', '.join(map(str, shapes))}"
        )
        error._dualnet_noted = True  # type: ignore[attr-defined]


def _call_op(op: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    spec = infer(op, args, options)
    return symbols(spec) if is_trial() else record(RecordedOp(op), args, options, spec)


op_.symbolic_call = _call_op
