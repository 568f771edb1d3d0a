"""A layer called on symbolic tensors: building it, the shape of its output, and its place in a graph."""

from __future__ import annotations

from typing import Any

from .. import tree
from ..autodiff import no_grad
from ..graph import Node, Spec, infer, record
from ..tensor import KerasTensor
from .context import context, name_scope


class Symbolic:
    """The part of ``Layer`` that knows shapes and graphs."""

    built: bool
    name: str
    _dtype: str
    _build_shape: Any
    _summary_output_shape: Any
    _inbound_nodes: list[Node]

    def _build_for(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        first = args[0] if args else None
        shapes = tree.map_structure(lambda x: (None, *x.shape[1:]) if hasattr(x, "shape") else None, first)
        self._build_shape = shapes
        with name_scope(self.name):
            self.build(shapes)
        self.built = True

    def _symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """Build for what is coming, and record the call."""
        if not self.built:
            self._build_for(args, kwargs)
        with name_scope(self.name):  # of the layers inside, which are built by being tried
            spec = self._symbolic_spec(args, kwargs)
        if context.holding:
            self._clear_losses()  # of the trial
        outputs = record(self, args, kwargs, spec)
        self._summary_output_shape = tree.map_structure(lambda y: y.shape, outputs)
        return outputs

    def _symbolic_spec(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Shape and dtype of the output: by ``compute_output_shape`` if the layer has one, else by trying."""
        others = [x for x in tree.flatten([args[1:], kwargs]) if isinstance(x, KerasTensor)]
        if type(self).compute_output_shape is Symbolic.compute_output_shape or others:
            return infer(self, args, kwargs)
        shapes = self.compute_output_shape(tree.map_structure(lambda x: x.shape, args[0]))
        return tree.map_shape_structure(lambda shape: Spec(shape, self._dtype), shapes)

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
        seen = []
        for batch in (2, 3):
            with no_grad():
                seen.append(self(zeros_of(input_shape, batch, self._dtype)))
        self._clear_losses()
        return tree.map_structure(
            lambda a, b: tuple(m if m == n else None for m, n in zip(a.shape, b.shape)), seen[0], seen[1]
        )


def zeros_of(shapes: Any, batch: int, dtype: str) -> Any:
    """Zeros for every shape in a nested structure, with ``batch`` in the place of open entries."""
    from ..ops import zeros

    return tree.map_shape_structure(lambda shape: zeros(tuple(batch if n is None else n for n in shape), dtype), shapes)
