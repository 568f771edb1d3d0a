"""From ``[model]`` to a network that is not compiled: a chain, a graph, or what a function of the user makes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import dualnet

from . import application, graph, own_model, registry
from .config import Settings
from .errors import KeyPath, one_line, show
from .graph import APPLICATION, WHERE, Call, Graph, Reference
from .prepare import Dataset


def build(settings: Settings, data: Dataset) -> Any:
    """The network for the samples of ``data``, with weights drawn in the order of the file, as a script would draw them.

    Layers that learn from samples before the training (``adapt``) do so on the training part.

    Raises:
        CliError: with the layer that cannot be built.
    """
    model = settings.model
    if model.python is not None:
        return own_model.create(settings, data.train.take(slice(1)).x, number_of_classes(data))
    assert model.layers is not None
    if graph.is_graph(model.layers, model.inputs, settings.compile.loss):
        return _graph(settings, data.train.x)
    return _chain(settings, data.train.x)


def number_of_classes(data: Dataset) -> Any:
    """How many classes the target has, None if it is none; a table of these by output where there are several."""

    def count(name: str) -> int | None:
        if known := data.preparation.of_output(name).classes:
            return len(known)
        parts = [part.y[name] if name else part.y for part in data.parts().values()]
        if data.preparation.of_output(name).is_input:
            return None
        own = data.preparation.data.targets()[name]
        if own.one_hot:
            return int(parts[0].shape[-1])
        if own.target_threshold is not None:
            return 2
        is_label = parts[0].dtype.kind == "i" and parts[0].ndim == 1 and min(int(y.min()) for y in parts) >= 0
        return max(int(y.max()) for y in parts) + 1 if is_label else None

    if data.preparation.vocabulary is not None:
        return len(data.preparation.vocabulary)
    names = list(data.preparation.data.targets())
    return count("") if names == [""] else {name: count(name) for name in names}


_TAKE_TEXT = ("TextVectorization", "StringLookup", "Hashing")


def _check_text(settings: Settings, x: Any, number: int) -> None:
    """Refuse text as the input of a layer that computes with numbers."""
    name = (settings.model.layers or [])[number].get("class")
    if x.dtype.kind in "OU" and name not in _TAKE_TEXT:
        raise settings.fail(
            (*WHERE, number), f"the samples are text, and {name} takes numbers; begin with TextVectorization"
        )


def _chain(settings: Settings, x: Any) -> Any:
    tables = settings.model.layers or []
    layers = [registry.create("layer", table) for table in tables]
    shape = tuple(x.shape[1:])
    before: list[Any] = []
    if settings.model.application is not None:
        before = [_input(shape, x), *application.layers(settings, shape)]
    elif tables[0].get("class") not in ("Input", "InputLayer"):
        before = [_input(shape, x)]
    _check_text(settings, x, 0)
    model = dualnet.Sequential(name=settings.model.name)
    for layer in before:
        with _located(settings, ("data",)):
            model.add(layer)
    for number, layer in enumerate(layers):
        with _located(settings, (*WHERE, number)):
            if _learns(layer):
                layer.adapt(x if len(model.layers) == 0 else model.predict(x, verbose=0))
            model.add(layer)
    return model


def _input(shape: tuple[int, ...], x: Any, name: str | None = None) -> Any:
    return dualnet.Input(shape=shape, name=name, **({"dtype": "string"} if x.dtype.kind in "OU" else {}))


def _learns(layer: Any) -> bool:
    """Whether a layer has to see samples before it can be used: one whose statistics or vocabulary are not in the config."""
    if not hasattr(layer, "adapt"):
        return False
    config = layer.get_config()
    return all(config.get(key) is None for key in ("vocabulary", "mean", "variance", "bin_boundaries"))


@contextmanager
def _located(settings: Settings, where: KeyPath) -> Iterator[None]:
    """Give an error in building a layer its place in the file."""
    try:
        yield
    except (ValueError, TypeError, NotImplementedError) as error:
        raise settings.fail(where, one_line(error)) from None
    except MemoryError:
        raise settings.fail(where, "is larger than the memory") from None


def _graph(settings: Settings, x: Any) -> Any:
    tables = settings.model.layers or []
    names = settings.model.input_names
    has_application = settings.model.application is not None
    plan = Graph(tables, names, has_application, settings.compile.outputs)
    layers: dict[int | str, Any] = {
        number: registry.create("layer", graph.layer_spec(table))
        for number, table in enumerate(tables)
        if "use" not in table
    }
    samples = x if isinstance(x, dict) else {names[0]: x}
    inputs = {name: _input(tuple(samples[name].shape[1:]), samples[name], name) for name in names}
    values: dict[int | str, Any] = {name: inputs[name] for name in names}

    def seen(tensor: Any) -> Any:
        """What a tensor is for the training samples."""
        for name, known in inputs.items():
            if tensor is known:
                return samples[name]
        return dualnet.Model(list(inputs.values()), tensor).predict([samples[name] for name in names], verbose=0)

    if has_application:
        images, base = application.layers(settings, tuple(samples[names[0]].shape[1:]))
        layers[APPLICATION] = _Both(images, base)
        with _located(settings, ("model", APPLICATION)):
            values[APPLICATION] = layers[APPLICATION](values[names[0]])
    for call in plan.calls:
        where = (*WHERE, call.number)
        for reference in graph.references(call.inputs):
            if reference.source in samples and isinstance(call.layer, int):
                _check_text(settings, samples[str(reference.source)], call.layer)
        arguments = _arguments(settings, call, values, layers[call.layer])
        layer = layers[call.layer]
        try:
            if call.layer == call.number and _learns(layer):
                layer.adapt(seen(arguments[0][0]))
            values[call.number] = layer(*arguments[0], **arguments[1])
        except (ValueError, TypeError, NotImplementedError, IndexError) as error:
            raise settings.fail(where, one_line(error) + _shapes(settings, call, values)) from None
        except MemoryError:
            raise settings.fail(where, "is larger than the memory") from None
    outputs = {}
    for name, reference in plan.outputs.items():
        key: KeyPath = (*WHERE, reference.source) if isinstance(reference.source, int) else WHERE
        outputs[name] = _value(settings, reference, values, key)
    for name, tensor in outputs.items():
        if any(tensor is known for known in inputs.values()):
            raise settings.fail(("compile", "loss", name), f"{show(name)} is an input as it is")
    result = outputs.get("", outputs)
    return dualnet.Model(inputs if isinstance(x, dict) else inputs[names[0]], result, name=_model_name(settings))


def _model_name(settings: Settings) -> str:
    """The name of a graph: that of the config, where it has one of its own."""
    return "functional" if settings.model.name == "sequential" else settings.model.name


class _Both:
    """The application with what prepares its images, as one layer."""

    def __init__(self, images: Any, base: Any) -> None:
        self._images, self._base = images, base
        self.call: Callable[..., Any] = base.call

    def __call__(self, x: Any) -> Any:
        return self._base(self._images(x))


def _arguments(
    settings: Settings, call: Call, values: dict[int | str, Any], layer: Any
) -> tuple[list[Any], dict[str, Any]]:
    """The arguments of the call of a layer: tensors by position, and by name."""

    def tensors(reference: Any, key: KeyPath) -> Any:
        if isinstance(reference, Reference):
            return _value(settings, reference, values, key)
        if isinstance(reference, dict):
            return {name: tensors(value, (*key, name)) for name, value in reference.items()}
        return [tensors(value, (*key, number)) for number, value in enumerate(reference)]

    where: KeyPath = (*WHERE, call.number)
    given = tensors(
        call.inputs, (*where, "inputs") if "inputs" in (settings.model.layers or [])[call.number] else where
    )
    parameters = list(inspect.signature(layer.call).parameters.values())
    if isinstance(given, dict):
        known = [p.name for p in parameters]
        for key in given:
            if key not in known:
                message = f"the layer takes no {show(key)}; it takes: {', '.join(known)}"
                raise settings.fail((*where, "inputs", key), message)
        first = parameters[0].name
        if first not in given:
            raise settings.fail((*where, "inputs"), f"needs {show(first)}, the first argument of the layer")
        return [given.pop(first)], given
    if isinstance(given, list) and len(parameters) > 1 and parameters[1].default is inspect.Parameter.empty:
        if parameters[1].kind is inspect.Parameter.POSITIONAL_OR_KEYWORD:  # query and value, not a list of inputs
            return given, {}
    return [given], {}


def _value(settings: Settings, reference: Reference, values: dict[int | str, Any], where: KeyPath) -> Any:
    """The tensor of a reference."""
    value = values[reference.source]
    many = isinstance(value, list | tuple)
    name = reference.source
    if isinstance(name, int):
        name = (settings.model.layers or [])[name].get("name", "NAME")
    if many and reference.index is None:
        listed = " ... ".join(f"{name}[{i}]" for i in (0, len(value) - 1))
        raise settings.fail(where, f"{show(name)} has {len(value)} outputs; name one of {listed}")
    if reference.index is None:
        return value
    if not many or reference.index >= len(value):
        count = f"{len(value)} outputs, 0 to {len(value) - 1}" if many else f"one output; write {show(name)} alone"
        raise settings.fail(where, f"{show(name)} has {count}")
    return value[reference.index]


def _shapes(settings: Settings, call: Call, values: dict[int | str, Any]) -> str:
    """The shapes of what a layer with several inputs takes, by name: that is where two branches do not fit."""
    references = list(graph.references(call.inputs))
    if len(references) < 2:
        return ""
    shown = []
    for reference in references:
        tensor = _value(settings, reference, values, WHERE)
        name = reference.source
        name = (settings.model.layers or [])[name].get("name", f"layer {name + 1}") if isinstance(name, int) else name
        shape = ", ".join("n" if size is None else str(size) for size in tensor.shape)
        shown.append(f"{name} ({shape})")
    return f"; its inputs: {', '.join(shown)}"
