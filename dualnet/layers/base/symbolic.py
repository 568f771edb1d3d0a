"""A layer called on symbolic tensors: building it, the shape of its output, and its place in a graph."""

from __future__ import annotations

from typing import Any

from ... import tree
from ...core.symbolic import KerasTensor
from ...core.tracing import no_grad
from ...graph.infer import infer
from ...graph.node import Node, record
from .context import context, name_scope
from .input_spec import assert_input_compatibility
from .metaclass import CallSignature, build_arguments


class Symbolic:
    """The part of ``Layer`` that knows shapes and graphs."""

    built: bool
    name: str
    input_spec: Any
    _build_shape: Any
    _build_shapes: dict[str, Any] | None = None  # by argument, of a build that takes several
    _compute_dtype: str
    # Of the other parts of Layer.
    __call__: Any
    build: Any
    call: Any
    _clear_losses: Any
    _set_path: Any
    _summary_output_shape: Any
    _inbound_nodes: list[Node]
    _signature: CallSignature
    _defines_call: bool

    def _build_for(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Build for the arguments of a call: the shape of the first, or of those that ``build`` names."""
        names = build_arguments(type(self))
        given = {**dict(zip(self._signature.names, args)), **kwargs}
        with name_scope(self.name):
            self._set_path()
            if names is None:
                self._build_shape = _shapes_of(args[0] if args else None)
                self.build(self._build_shape)
            else:
                shapes = {f"{name}_shape": _shapes_of(given.get(name)) for name in names}
                self._build_shape = next(iter(shapes.values()))
                self._build_shapes = shapes
                self.build(**shapes)
        self.built = True

    def _symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """Build for what is coming, and record the call."""
        if self.input_spec is not None:
            assert_input_compatibility(self.input_spec, args[0] if args else None, self.name)
        if not self.built:
            self._build_for(args, kwargs)
        with name_scope(self.name):  # of the layers inside, which are built by being tried
            spec = self.compute_output_spec(*args, **kwargs)
        if context.holding:
            self._clear_losses()  # of the trial
        outputs = record(self, args, kwargs, spec)
        self._summary_output_shape = tree.map_structure(lambda y: y.shape, outputs)
        return outputs

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Symbolic tensors with the shape and dtype of the output for symbolic inputs.

        By ``compute_output_shape`` and the compute dtype if the layer defines it, else by trying the layer on zeros.
        """
        others = [x for x in tree.flatten([args[1:], kwargs]) if isinstance(x, KerasTensor)]
        if type(self).compute_output_shape is Symbolic.compute_output_shape or others:
            return self._try_out(args, kwargs)
        first = args[0] if args else kwargs[self._signature.names[0]]
        shapes = self.compute_output_shape(tree.map_structure(lambda x: x.shape, first))
        spec = tree.map_shape_structure(lambda shape: KerasTensor(shape, self._compute_dtype), shapes)
        if any(x.dtype.startswith(("int", "uint", "bool")) for x in tree.flatten(first)):
            # Integers stay what they are in some layers and become numbers in others.
            try:
                tried = self._try_out(args, kwargs)
            except Exception:  # zeros of a small size may be no input for it
                return spec
            return tree.map_structure(lambda known, seen: KerasTensor(known.shape, seen.dtype), spec, tried)
        return spec

    def _try_out(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return tree.map_structure(lambda s: KerasTensor(s.shape, s.dtype), infer(self, args, kwargs))

    @property
    def output(self) -> Any:
        """The symbolic output of the only call of this layer in a model."""
        return self._only_node().outputs

    @property
    def input(self) -> Any:
        """The symbolic input of the only call of this layer in a model."""
        inputs = self._only_node().inputs
        return inputs[0] if len(inputs) == 1 else inputs

    @property
    def output_shape(self) -> Any:
        """The shape of ``output``."""
        return tree.map_structure(lambda y: y.shape, self.output)

    @property
    def input_shape(self) -> Any:
        """The shape of ``input``."""
        return tree.map_structure(lambda x: x.shape, self.input)

    def _only_node(self) -> Node:
        if not self._inbound_nodes:
            raise AttributeError(
                f"layer {self.name!r} was never called on a symbolic tensor: it has no input or output"
            )
        shapes = {str(tree.map_structure(lambda y: y.shape, node.outputs)) for node in self._inbound_nodes}
        if len(shapes) > 1:
            raise AttributeError(f"layer {self.name!r} was called on several inputs: ask the tensors themselves")
        return self._inbound_nodes[0]

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the output for a shape of the input; None entries (the batch) stay open.

        By default the layer is run on zeros with two batch sizes; entries that differ are open.
        """
        if not self._defines_call:
            raise NotImplementedError(
                f"Layer {type(self).__name__} does not have a `compute_output_shape` method implemented, nor a `call`"
            )
        seen = []
        for batch in (2, 3):
            with no_grad():
                seen.append(self(zeros_of(input_shape, batch, self._compute_dtype)))
        self._clear_losses()
        return tree.map_structure(
            lambda a, b: tuple(m if m == n else None for m, n in zip(a.shape, b.shape)), seen[0], seen[1]
        )


def zeros_of(shapes: Any, batch: int, dtype: str) -> Any:
    """Zeros for every shape in a nested structure, with ``batch`` in the place of open entries."""
    from ...ops import zeros

    return tree.map_shape_structure(lambda shape: zeros(tuple(batch if n is None else n for n in shape), dtype), shapes)


def _shapes_of(argument: Any) -> Any:
    return tree.map_structure(lambda x: tuple(x.shape) if hasattr(x, "shape") else None, argument)
