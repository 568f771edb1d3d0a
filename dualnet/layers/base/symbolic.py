"""A layer called on symbolic tensors: building it, inferring the shapes of its outputs, and recording the call in a graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ... import tree
from ...core.dtypes import is_float
from ...core.symbolic import KerasTensor
from ...core.tracing import state
from ...core.version import invalidate
from ...graph.infer import is_trial, outside_trial, probe, symbols, trial
from ...graph.node import Node, record
from .calling import add_context, convert, enter_context
from .context import context, name_scope
from .input_spec import assert_input_compatibility
from .metaclass import build_arguments

if TYPE_CHECKING:
    from .layer import Layer


def build_for(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Build for the arguments of a call: the shape of the first, or of those that ``build`` names."""
    names = build_arguments(type(layer))
    arguments = {**dict(zip(layer._signature.names, args)), **kwargs}
    with name_scope(layer.name):
        layer._set_path()
        if names is None:
            layer._build_shape = _shapes_of(args[0] if args else None)
            layer.build(layer._build_shape)
        else:
            shapes = {f"{name}_shape": _shapes_of(arguments.get(name)) for name in names}
            layer._build_shape = next(iter(shapes.values()))
            layer._build_shapes = shapes
            layer.build(**shapes)
    layer.built = True


def build_once(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    with outside_trial():
        layer._build_for(args, kwargs)


def symbolic_call(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Build for the arguments, infer the outputs, and record the call, unless it is part of a trial."""
    if layer.input_spec is not None:
        assert_input_compatibility(layer.input_spec, args[0] if args else None, layer.name)
    if not layer.built:
        build_once(layer, args, kwargs)
    with name_scope(layer.name):  # of the layers inside, which are built when they are called
        spec = layer.compute_output_spec(*args, **kwargs)
    outputs = symbols(spec) if is_trial() else record(layer, args, kwargs, spec)
    if layer._summary_output_shape is None or not is_trial():
        layer._summary_output_shape = tree.map_structure(lambda y: y.shape, outputs)
    return outputs


def output_spec(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Symbolic outputs of a layer that defines ``compute_output_shape``: of these shapes, in the compute dtype.

    A call with other symbolic arguments than the first is traced.
    """
    others = [x for x in tree.flatten([args[1:], kwargs]) if isinstance(x, KerasTensor)]
    if others:
        return layer._infer_call(args, kwargs)
    first = args[0] if args else kwargs[layer._signature.names[0]]
    shapes = layer.compute_output_shape(tree.map_structure(lambda x: x.shape, first))
    spec = tree.map_shape_structure(lambda shape: KerasTensor(shape, layer._compute_dtype), shapes)
    if any(x.dtype.startswith(("int", "uint", "bool")) for x in tree.flatten(first)):
        # Integers stay what they are in some layers and become numbers in others.
        try:
            traced = layer._infer_call(args, kwargs)
        except Exception:  # what compute_output_shape knows may be more than call can say
            return spec
        return tree.map_structure(lambda known, seen: KerasTensor(known.shape, seen.dtype), spec, traced)
    return spec


def infer_call(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Symbolic tensors like the outputs of ``call``: it is traced or, where it needs concrete sizes, run on zeros."""
    losses = {inner: list(inner._losses) for inner in context.holding}
    with trial() as changes:
        for v in layer.metrics_variables:  # metrics write into them
            changes.change(v, "a metric is updated")
        try:
            return _trace_call(layer, args, dict(kwargs))
        except Exception as error:
            unbuilt = {inner: _attributes(inner) for inner in layer._flatten_layers() if not inner.built}
            try:
                return symbols(probe(layer, args, kwargs))
            except Exception as other:
                # Drop the weights that were made for a size that merely stood in for an unknown one.
                for inner, attributes in unbuilt.items():
                    inner.__dict__.clear()
                    inner.__dict__.update(attributes)
                invalidate()
                if isinstance(error, ValueError):
                    raise error from None
                raise other from None
        finally:
            for inner in list(context.holding):
                inner._losses = losses.get(inner, [])
            context.holding.clear()
            context.holding.update(losses)


def _trace_call(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """``call`` on symbolic tensors, in the same context as on data."""

    def cast(x: Any) -> Any:
        if isinstance(x, KerasTensor):
            narrow = layer.autocast and is_float(x.dtype) and is_float(layer._compute_dtype)
            return symbols(KerasTensor(x.shape, layer._compute_dtype if narrow else x.dtype))
        return convert(layer, x) if hasattr(x, "shape") else x

    before, inside, seen, in_traced_call = context.training, context.inside, state.compute_dtype, state.in_traced_call
    context.inside, state.in_traced_call = True, True
    state.compute_dtype = layer._mixed_dtype if layer.autocast else None
    signature = layer._signature
    if layer._context_arguments:
        enter_context(layer, kwargs)
    if not signature.training:
        training = kwargs.pop("training", None)
    elif "training" in signature.names[: len(args)]:
        training = args[signature.names.index("training")]
    else:
        training = kwargs.get("training")
        if training is None:
            training = kwargs["training"] = before if before is not None else signature.training_default
    if training is not None:
        context.training = training
    try:
        args, kwargs = tree.map_structure(cast, args), tree.map_structure(cast, kwargs)
        outputs = layer.call(*args, **kwargs)
    except Exception as error:
        add_context(error, layer, args)
        raise
    finally:
        context.training, context.inside, state.compute_dtype = before, inside, seen
        state.in_traced_call = in_traced_call
        if layer._context_arguments:
            context.leave()
    return symbols(outputs)


def only_node(layer: Layer) -> Node:
    """The only call of the layer in a model."""
    if not layer._inbound_nodes:
        raise AttributeError(f"layer {layer.name!r} was never called on a symbolic tensor: it has no input or output")
    shapes = {str(tree.map_structure(lambda y: y.shape, node.outputs)) for node in layer._inbound_nodes}
    if len(shapes) > 1:
        raise AttributeError(f"layer {layer.name!r} was called on several inputs: ask the tensors themselves")
    return layer._inbound_nodes[0]


def output_shape(layer: Layer, input_shape: Any) -> Any:
    """The shapes of the outputs for shapes of the inputs, by building the layer and tracing its ``call``."""
    if not layer._defines_call:
        raise NotImplementedError(
            f"Layer {type(layer).__name__} does not have a `compute_output_shape` method implemented, nor a `call`"
        )
    with trial():
        outputs = layer(tree.map_shape_structure(lambda shape: KerasTensor(shape, layer._compute_dtype), input_shape))
    return tree.map_structure(lambda y: y.shape, outputs)


def _shapes_of(argument: Any) -> Any:
    """The shapes of tensors in a structure, None for what is none. In a trial on zeros the batch has a size that means nothing."""

    def shape_of(x: Any) -> Any:
        if not hasattr(x, "shape"):
            return None
        return (None, *x.shape[1:]) if x.shape and is_trial() else tuple(x.shape)

    return tree.map_structure(shape_of, argument)


def _attributes(layer: Layer) -> dict[str, Any]:
    """A copy of the attributes of a layer and of the containers among them."""
    return {k: v.copy() if type(v) in (list, dict, set) else v for k, v in layer.__dict__.items()}
