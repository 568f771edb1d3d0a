"""A layer called on symbolic tensors: building it, inferring the shapes of its outputs, and recording the call in a graph."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ... import tree
from ...core.allowance import take_op
from ...core.dtypes import is_float
from ...core.symbolic import KerasTensor
from ...core.tracing import state
from ...core.version import invalidate
from ...graph.infer import probe, symbols
from ...graph.node import Node, record
from ...graph.trial import is_trial, outside_trial, trial
from ...serialization.configurable import builtin_class
from .calling import add_context, convert, enter_context, resolve_training
from .configuration import Saving
from .context import context, name_scope
from .input_spec import assert_input_compatibility
from .metaclass import CallSignature, build_arguments
from .tracking import UNTRACKED


class SymbolicCalls(Saving):
    """The part of ``Layer`` about shapes and graphs."""

    call: Any
    autocast: bool
    input_spec: Any
    _signature: CallSignature
    _context_arguments: tuple[str, ...]
    _compute_dtype: str
    _mixed_dtype: str | None
    _defines_call: bool
    _summary_output_shape: Any
    _inbound_nodes: list[Node]

    if TYPE_CHECKING:

        def __call__(self, *args: Any, **kwargs: Any) -> Any: ...

    # -- building for a call -------------------------------------------------------------------------------------

    def _build_for(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Build for the arguments of a call: the shape of the first, or of those that ``build`` names."""
        names = build_arguments(type(self))
        arguments = {**dict(zip(self._signature.names, args)), **kwargs}
        with name_scope(self.name):
            self._set_path()
            if names is None:
                self._build_shape = _shapes_of(args[0] if args else None)
                self.build(self._build_shape)
            else:
                shapes = {f"{name}_shape": _shapes_of(arguments.get(name)) for name in names}
                self._build_shape = next(iter(shapes.values()))
                self._build_shapes = shapes
                self.build(**shapes)
        self.built = True

    def _build_outside_trial(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        with outside_trial() as suspended:
            self._build_for(args, kwargs)
            if suspended is not None:
                suspended.built(self._flatten_layers())

    # -- a symbolic call -----------------------------------------------------------------------------------------

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """A call on symbolic tensors, recorded in the graph."""
        return self._symbolic_call(args, kwargs)

    def _symbolic_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Build for the arguments, infer the outputs, and record the call, unless it is part of a trial."""
        take_op()
        if self.input_spec is not None:
            assert_input_compatibility(self.input_spec, args[0] if args else None, self.name)
        if not self.built:
            self._build_outside_trial(args, kwargs)
        with name_scope(self.name):  # of the layers inside, which are built when they are called
            spec = self.compute_output_spec(*args, **kwargs)
        outputs = symbols(spec) if is_trial() else record(self, args, kwargs, spec)
        if self._summary_output_shape is None or not is_trial():
            self._summary_output_shape = tree.map_structure(lambda y: y.shape, outputs)
        return outputs

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """Symbolic tensors with the shape and dtype of the output for symbolic inputs.

        By ``compute_output_shape`` and the compute dtype if the layer defines it and no argument but the first is symbolic,
        else by tracing ``call``.
        """
        others = [x for x in tree.flatten([args[1:], kwargs]) if isinstance(x, KerasTensor)]
        if others or type(self).compute_output_shape is SymbolicCalls.compute_output_shape:
            return self._infer_call(args, kwargs)
        first = args[0] if args else kwargs[self._signature.names[0]]
        shapes = self.compute_output_shape(tree.map_structure(lambda x: x.shape, first))
        spec = tree.map_shape_structure(lambda shape: KerasTensor(shape, self._compute_dtype), shapes)
        if any(x.dtype.startswith(("int", "uint", "bool")) for x in tree.flatten(first)):
            # Integers stay what they are in some layers and become floating point in others.
            try:
                traced = self._infer_call(args, kwargs)
            except Exception:  # what compute_output_shape knows may be more than call can say
                return spec
            return tree.map_structure(lambda known, seen: KerasTensor(known.shape, seen.dtype), spec, traced)
        return spec

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the output for a shape of the input; entries that are not known (the batch) are None.

        By default the layer is built and its ``call`` is traced.
        """
        if not self._defines_call:
            raise NotImplementedError(
                f"Layer {type(self).__name__} does not have a `compute_output_shape` method implemented, nor a `call`"
            )
        with trial():
            outputs = self(tree.map_shape_structure(lambda shape: KerasTensor(shape, self._compute_dtype), input_shape))
        return tree.map_structure(lambda y: y.shape, outputs)

    # -- tracing call --------------------------------------------------------------------------------------------

    def _infer_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Symbolic tensors like the outputs of ``call``: it is traced or, where it needs concrete sizes, run on zeros."""
        with undone_call(self):
            try:
                return self._trace_call(args, dict(kwargs))
            except Exception as error:
                unbuilt = {inner: _attributes(inner) for inner in self._flatten_layers() if not inner.built}
                try:
                    return symbols(probe(self, args, kwargs))
                except Exception as other:
                    # Drop the weights that were made for a size that merely stood in for an unknown one.
                    for inner, attributes in unbuilt.items():
                        inner.__dict__.clear()
                        inner.__dict__.update(attributes)
                    invalidate()
                    if isinstance(error, ValueError):
                        raise error from None
                    raise other from None

    def _trace_call(self: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """``call`` on symbolic tensors, in the same context as on data."""

        def cast(x: Any) -> Any:
            if isinstance(x, KerasTensor):
                narrow = self.autocast and is_float(x.dtype) and is_float(self._compute_dtype)
                return symbols(KerasTensor(x.shape, self._compute_dtype if narrow else x.dtype))
            return convert(self, x) if hasattr(x, "shape") else x

        before = context.training, context.inside, state.compute_dtype, state.in_traced_call
        context.inside, state.in_traced_call = True, True
        state.compute_dtype = self._mixed_dtype if self.autocast else None
        if self._context_arguments:
            enter_context(self, kwargs)
        training = resolve_training(self._signature, args, kwargs)
        if training is not None:
            context.training = training
        try:
            args, kwargs = tree.map_structure(cast, args), tree.map_structure(cast, kwargs)
            outputs = self.call(*args, **kwargs)
        except Exception as error:
            add_context(error, self, args)
            raise
        finally:
            context.training, context.inside, state.compute_dtype, state.in_traced_call = before
            if self._context_arguments:
                context.leave()
        return symbols(outputs)

    # -- the layer in a graph ------------------------------------------------------------------------------------

    def _only_node(self) -> Node:
        if not self._inbound_nodes:
            raise AttributeError(
                f"layer {self.name!r} was never called on a symbolic tensor: it has no input or output"
            )
        shapes = {str(tree.map_structure(lambda y: y.shape, node.outputs)) for node in self._inbound_nodes}
        if len(shapes) > 1:
            raise AttributeError(f"layer {self.name!r} was called on several inputs: ask the tensors themselves")
        return self._inbound_nodes[0]

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


@contextmanager
def undone_call(layer: Any) -> Iterator[None]:
    """A trial of a layer, whose calls inside leave nothing in the layers, their metrics and their losses."""
    losses = {inner: list(inner._losses) for inner in context.layers_with_losses}
    with trial() as changes:
        if id(layer) not in changes.covered:  # as it is in a trial of the model around it
            inside = layer._flatten_layers()
            changes.covered.update((id(x), x) for x in inside)
            for v in layer.metrics_variables:  # metrics write into them
                changes.change(v, "a metric is updated")
            changes.watch((x for x in inside if builtin_class(type(x)) is not type(x)), UNTRACKED)
        try:
            yield
        finally:
            for inner in list(context.layers_with_losses):
                inner._losses = losses.get(inner, [])
            context.layers_with_losses.clear()
            context.layers_with_losses.update(losses)


def _shapes_of(argument: Any) -> Any:
    """The shapes of tensors in a structure, None for other things. In a trial on zeros the size of the batch is arbitrary."""

    def shape_of(x: Any) -> Any:
        if not hasattr(x, "shape"):
            return None
        return (None, *x.shape[1:]) if x.shape and is_trial() else tuple(x.shape)

    return tree.map_structure(shape_of, argument)


def _attributes(layer: Any) -> dict[str, Any]:
    """A copy of the attributes of a layer and of the containers among them."""
    return {k: v.copy() if type(v) in (list, dict, set) else v for k, v in layer.__dict__.items()}
