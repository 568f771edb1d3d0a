"""Layer: weights, and a call that uses them."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple
from weakref import WeakSet

import dualnet_backends as backends

from .. import config as settings
from .. import constraints, initializers, regularizers, tree, variables
from ..autodiff import no_grad, to_array
from ..compat import LAYER_ARGUMENTS, name_first, renamed
from ..dtypes import is_float, standardize_dtype
from ..graph import Node, Spec, infer, record
from ..naming import auto_name
from ..tensor import KerasTensor, Tensor
from ..variables import Variable, structure_changed

Shape = tuple[int | None, ...]


class CallSignature(NamedTuple):
    """What ``call`` takes, read once per class."""

    names: tuple[str, ...]
    training: bool
    training_default: Any
    mask: bool


class _Context(threading.local):
    """What a layer inherits from the call or build it is in."""

    training: bool | None = None
    inside = False  # whether a layer is being called: others it calls belong to the same call
    scope: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.holding: WeakSet[Layer] = WeakSet()  # layers on which add_loss left something


_context = _Context()
variables.scope = lambda: _context.scope


@contextmanager
def name_scope(name: str) -> Iterator[None]:
    """Put ``name/`` before the path of every variable made inside the block."""
    before = _context.scope
    _context.scope = (*before, name)
    try:
        yield
    finally:
        _context.scope = before


class LayerType(type):
    """The class of layer classes: understands old argument names, and keeps what each layer was made with."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if any(name in LAYER_ARGUMENTS for name in kwargs):
            kwargs = renamed(kwargs, LAYER_ARGUMENTS, inspect.signature(cls.__init__).parameters)  # type: ignore[misc]
        new: Any = cls.__new__
        layer = new(cls, *args, **kwargs)
        object.__setattr__(layer, "_auto_args", (args, kwargs))
        layer.__init__(*args, **kwargs)
        return layer

    @property
    def __signature__(cls) -> inspect.Signature:
        """What ``help`` shows: the parameters of ``__init__``."""
        return inspect.Signature(list(inspect.signature(cls.__init__).parameters.values())[1:])  # type: ignore[misc]


class Layer(metaclass=LayerType):
    """Base of all layers.

    A layer of your own defines ``__init__``, ``build(input_shape)`` if its weights depend on the input, and
    ``call(inputs)``, with ``training`` or ``mask`` among its parameters if it wants them. Weights are made by
    ``add_weight``; layers, variables and lists or dictionaries of them that are kept as attributes are found by
    themselves.

    activity_regularizer: a penalty on the output. trainable: whether optimizers may change the weights. dtype: a
    name, of weights and results. name: by default the class in snake_case, numbered. input_shape, input_dim,
    batch_input_shape: the shape of the input without (with) the batch, for the first layer of a ``Sequential``.
    """

    built = False
    _building = False
    supports_masking = False
    stateful = False
    _signature: CallSignature
    _auto_args: tuple[tuple[Any, ...], dict[str, Any]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._signature = _read_signature(cls.call)  # wherever it is inherited from
        if "build" in cls.__dict__:
            cls.build = _marking_built(cls.__dict__["build"])  # type: ignore[method-assign]

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if name is not None and not isinstance(name, str):
            raise ValueError(f"{type(self).__name__}: name must be a string, got {name!r}")
        self._was_named = bool(name)
        self.name = name or auto_name(type(self).__name__)
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.autocast = autocast
        self._dtype = standardize_dtype(_policy_name(dtype))
        self._trainable = bool(trainable)
        self._trainable_variables: list[Variable] = []
        self._non_trainable_variables: list[Variable] = []
        self._losses: list[Tensor] = []
        self._inbound_nodes: list[Node] = []
        self._build_shape: Any = None
        self._summary_output_shape: Any = None
        self._batch_input_shape = _given_input_shape(kwargs)
        if kwargs:
            known = ", ".join(p for p in inspect.signature(type(self).__init__).parameters if p != "self")
            raise ValueError(
                f"{type(self).__name__} does not know the argument{'s' if len(kwargs) > 1 else ''} "
                f"{', '.join(map(repr, kwargs))}; it takes {known}"
            )

    # -- weights -------------------------------------------------------------------------------------------------

    @name_first
    def add_weight(
        self,
        shape: Any = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str = "none",
        overwrite_with_gradient: bool = False,
        name: str | None = None,
    ) -> Variable:
        """Make a weight of this layer.

        shape: () by default. initializer: a name, object or function; "glorot_uniform" by default for floating point,
        zeros for integers. regularizer: a penalty on the weight, added to the loss. constraint: applied after every
        update.
        """
        if self.built:
            raise ValueError(
                f"{type(self).__name__} layer {self.name!r} is built already: its weights are made in __init__ or "
                f"build, once (this is about {name or 'a weight without a name'!r})"
            )
        shape = tuple(shape) if isinstance(shape, (list, tuple)) else () if shape is None else (shape,)
        dtype = standardize_dtype(dtype or self._dtype)
        if any(n is None for n in shape):
            raise ValueError(f"{self.name}: weight {name!r} has the open shape {shape}; every entry must be a number")
        if initializer is None:
            initializer = "glorot_uniform" if is_float(dtype) else "zeros"
        with name_scope(self.name) if _context.scope[-1:] != (self.name,) else _nothing():
            variable = Variable(
                initializers.get(initializer),
                shape=shape,
                dtype=dtype,
                trainable=trainable,
                autocast=autocast,
                aggregation=aggregation,
                name=name,
            )
            variable.path = "/".join((*_context.scope, variable.name))
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        variable.overwrite_with_gradient = overwrite_with_gradient
        self._track(variable)
        return variable

    def add_variable(
        self, shape: Any, initializer: Any, dtype: Any = None, trainable: bool = True, **kwargs: Any
    ) -> Variable:
        """Make a weight of this layer (see ``add_weight``)."""
        return self.add_weight(shape, initializer, dtype, trainable, **kwargs)

    def _track(self, variable: Variable) -> None:
        known = self._trainable_variables + self._non_trainable_variables
        if all(v is not variable for v in known):
            (self._trainable_variables if variable.trainable else self._non_trainable_variables).append(variable)
            structure_changed()
            if not self._trainable:
                variable.trainable = False

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Variable) and "_trainable_variables" in self.__dict__:
            self._track(value)
        elif "_trainable_variables" not in self.__dict__ and isinstance(value, (Variable, Layer)):
            raise RuntimeError(f"{type(self).__name__}.__init__ must call super().__init__() before it sets {name!r}")
        object.__setattr__(self, name, value)

    def _flatten_layers(self) -> list[Layer]:
        """The layers directly inside this one: attributes in the order they were set, with those in containers."""
        found: dict[int, Layer] = {}
        for name, value in self.__dict__.items():
            if isinstance(value, (Layer, list, tuple, dict)) and name not in _NOT_CHILDREN:
                for x in _layers_in(value):
                    found.setdefault(id(x), x)
        return list(found.values())

    def _own_variables(self) -> list[Variable]:
        extra = []
        for value in self.__dict__.values():
            if isinstance(value, (list, tuple, dict)) and value is not self._trainable_variables:
                extra += [v for v in tree.flatten(value) if isinstance(v, Variable)]
        for v in extra:
            self._track(v)
        return self._trainable_variables + self._non_trainable_variables

    @property
    def weights(self) -> list[Variable]:
        """All weights: those of the layer itself, trainable ones first, then those of the layers inside it."""
        found = {id(v): v for v in self._own_variables()}
        for layer in self._flatten_layers():
            found |= {id(v): v for v in layer.weights if id(v) not in found}
        return list(found.values())

    @property
    def variables(self) -> list[Variable]:
        """The same as ``weights``."""
        return self.weights

    @property
    def trainable_weights(self) -> list[Variable]:
        """The weights an optimizer may change."""
        return [v for v in self.weights if v.trainable] if self._trainable else []

    @property
    def non_trainable_weights(self) -> list[Variable]:
        """The weights an optimizer leaves alone."""
        return [v for v in self.weights if not v.trainable] if self._trainable else self.weights

    @property
    def trainable_variables(self) -> list[Variable]:
        """The same as ``trainable_weights``."""
        return self.trainable_weights

    @property
    def non_trainable_variables(self) -> list[Variable]:
        """The same as ``non_trainable_weights``."""
        return self.non_trainable_weights

    @property
    def trainable(self) -> bool:
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        structure_changed()
        self._own_variables()
        for v in self._trainable_variables:
            v.trainable = bool(value)
        for layer in self._flatten_layers():
            layer.trainable = value

    def get_weights(self) -> list[Any]:
        """The values of all weights, as NumPy arrays in the order of ``weights``."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set all weights, in the order of ``weights``; none, and ``ValueError``, when number or shapes differ."""
        own = self.weights
        if len(own) != len(weights):
            raise ValueError(f"{self.name}: expected {len(own)} weights, got {len(weights)}")
        for v, w in zip(own, weights):
            if tuple(getattr(w, "shape", ())) != v.shape and to_array(w).shape != v.shape:
                raise ValueError(f"{self.name}: weight {v.path!r} has shape {v.shape}, got {to_array(w).shape}")
        for v, w in zip(own, weights):
            v.assign(w)

    def count_params(self) -> int:
        """How many numbers all weights hold."""
        if not self.built:
            raise ValueError(f"{self.name} has no weights yet: build it, or call it on data, before counting them")
        return sum(v.size for v in self.weights)

    # -- dtype ---------------------------------------------------------------------------------------------------

    @property
    def dtype(self) -> str:
        """The dtype of the weights."""
        return self._dtype

    variable_dtype = dtype
    compute_dtype = dtype

    # -- building and calling ------------------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of a shape whose batch entry is None. Layers without weights need none."""
        self.built = True

    def _build_at_init(self) -> None:
        """For the end of ``__init__`` of a layer without weights: it is built, unless a subclass has a ``build``."""
        self.built = type(self).build is Layer.build

    def call(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} must define call(inputs)")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        signature = self._signature
        if "_trainable_variables" not in self.__dict__:
            raise RuntimeError(f"{type(self).__name__}.__init__ must call super().__init__() first")
        if not args and kwargs and signature.names and signature.names[0] in kwargs:
            args = (kwargs.pop(signature.names[0]),)  # the input given by name
        if args and isinstance(args[0], Tensor):
            x = args[0]
            if self.autocast and x.data.dtype != self._dtype and is_float(x.data.dtype):
                args = (self._convert(x), *args[1:])
            if len(args) > 1:
                args = (args[0], *map(self._convert_all, args[1:]))
        else:
            if any(isinstance(x, KerasTensor) for x in tree.flatten([args, kwargs])):
                return self._symbolic_call(*args, **kwargs)
            args = tuple(self._convert_all(a) for a in args)
        if len(kwargs) > 1 or (kwargs and "training" not in kwargs):
            kwargs = {key: self._convert_all(value) for key, value in kwargs.items()}
        before, inside, scope = _context.training, _context.inside, _context.scope
        if not self.built:
            self._build_for(args, kwargs)
            _context.scope = (*scope, self.name)  # of the layers inside, which are built by being called
        if not inside:
            _context.inside = True
            if _context.holding:
                self._clear_losses()  # those of the call before
        if signature.training:
            training = kwargs.get("training")
            if training is None and "training" in signature.names[: len(args)]:
                training = args[signature.names.index("training")]
            elif training is None:
                training = kwargs["training"] = before if before is not None else signature.training_default
        else:
            training = kwargs.pop("training", None)
        if training is not None:
            _context.training = training
        mask = kwargs.get("mask")
        if mask is None and args:
            mask = getattr(args[0], "_keras_mask", None)
            if mask is not None and signature.mask:
                kwargs["mask"] = mask
        try:
            y = self.call(*args, **kwargs)
        except Exception as error:
            _add_context(error, self, args)
            raise
        finally:
            _context.training, _context.inside, _context.scope = before, inside, scope
        if mask is not None and self.supports_masking:
            for part in tree.flatten(y):
                part._keras_mask = self.compute_mask(args[0], mask)
        if self.activity_regularizer is not None:
            for part in tree.flatten(y):
                self.add_loss(self.activity_regularizer(part) / part.shape[0])
        return y

    def _symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """Build for what is coming, and record the call."""
        if not self.built:
            self._build_for(args, kwargs)
        with name_scope(self.name):  # of the layers inside, which are built by being tried
            spec = self._symbolic_spec(args, kwargs)
        if _context.holding:
            self._clear_losses()  # of the trial
        outputs = record(self, args, kwargs, spec)
        self._summary_output_shape = tree.map_structure(lambda y: y.shape, outputs)
        return outputs

    def _symbolic_spec(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Shape and dtype of the output: by ``compute_output_shape`` if the layer has one, else by trying."""
        others = [x for x in tree.flatten([args[1:], kwargs]) if isinstance(x, KerasTensor)]
        if type(self).compute_output_shape is Layer.compute_output_shape or others:
            return infer(self, args, kwargs)
        shapes = self.compute_output_shape(tree.map_structure(lambda x: x.shape, args[0]))
        return _map_shapes(lambda shape: Spec(shape, self._dtype), shapes)

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

    def _convert(self, x: Any) -> Tensor:
        """An input on this layer's device, floating point in its dtype."""
        own = self._trainable_variables or self._non_trainable_variables
        backend = backends.of(own[0].data) if own else None
        array = x.data if isinstance(x, Tensor) else to_array(x, backend or backends.current())
        if self.autocast and is_float(array.dtype) and str(array.dtype) != self._dtype:
            if isinstance(x, Tensor):
                from ..ops import cast

                y = cast(x, self._dtype)
                y._keras_mask = x._keras_mask
                return y
            array = array.astype(self._dtype)
        return x if isinstance(x, Tensor) and array is x.data else Tensor(array)

    def _convert_all(self, argument: Any) -> Any:
        """Arrays and lists of numbers among the arguments as tensors; other things as they are."""
        if argument is None or isinstance(argument, (bool, str)) or callable(argument):
            return argument
        if isinstance(argument, (list, tuple)) and not any(hasattr(x, "shape") for x in tree.flatten(argument)):
            return self._convert(argument)
        return tree.map_structure(lambda x: self._convert(x) if hasattr(x, "shape") else x, argument)

    def _build_for(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        first = args[0] if args else None
        shapes = tree.map_structure(lambda x: (None, *x.shape[1:]) if hasattr(x, "shape") else None, first)
        self._build_shape = shapes
        with name_scope(self.name):
            self.build(shapes)
        self.built = True

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the output for a shape of the input; None entries (the batch) stay open.

        By default the layer is run on zeros with two batch sizes; entries that differ are open.
        """
        seen = []
        for batch in (2, 3):
            with no_grad():
                seen.append(self(_zeros_of(input_shape, batch, self._dtype)))
        self._clear_losses()
        return tree.map_structure(
            lambda a, b: tuple(m if m == n else None for m, n in zip(a.shape, b.shape)), seen[0], seen[1]
        )

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """The mask of the output: that of the input, unless a layer says otherwise."""
        return previous_mask

    # -- losses --------------------------------------------------------------------------------------------------

    def add_loss(self, loss: Any) -> None:
        """Add a scalar (or several) to the loss of this training step; for use inside ``call``."""
        self._losses += tree.flatten(loss)
        _context.holding.add(self)

    @property
    def losses(self) -> list[Any]:
        """What ``add_loss`` added in the last call, then the penalties of regularized trainable weights."""
        found = self._added_losses()
        return found + [v.regularizer(v) for v in self.trainable_weights if v.regularizer is not None]

    def _added_losses(self) -> list[Any]:
        return [*self._losses, *(x for layer in self._flatten_layers() for x in layer._added_losses())]

    def _clear_losses(self) -> None:
        self._losses = []
        _context.holding.discard(self)
        for layer in self._flatten_layers():
            layer._clear_losses()

    # -- saving --------------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as plain values. Without one of its own, from the signature."""
        config: dict[str, Any] = {"name": self.name, "trainable": self._trainable, "dtype": self._dtype}
        if type(self).get_config is Layer.get_config and type(self).__init__ is not Layer.__init__:
            config |= self._constructor_arguments()
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        return config

    def _constructor_arguments(self) -> dict[str, Any]:
        args, kwargs = self._auto_args
        bound = inspect.signature(type(self).__init__).bind(self, *args, **kwargs)
        given = dict(list(bound.arguments.items())[1:])
        for p in inspect.signature(type(self).__init__).parameters.values():
            if p.kind is p.VAR_KEYWORD:
                given |= given.pop(p.name, {})
        return given

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """The layer a config describes."""
        return cls(**config)

    def get_build_config(self) -> dict[str, Any] | None:
        """What ``build`` was called with."""
        return None if self._build_shape is None else {"input_shape": self._build_shape}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build for the shape a config names."""
        shape = config.get("input_shape")
        if shape is not None and not self.built:
            with name_scope(self.name):
                self.build(_map_shapes(tuple, shape))
            self.built = True

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Put the values of the layer's own weights into ``store`` under "0", "1", ..."""
        for i, v in enumerate(self._own_variables()):
            store[str(i)] = v.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Set the layer's own weights from what ``save_own_variables`` stored."""
        own = self._own_variables()
        if len(store) != len(own):
            raise ValueError(
                f"layer {self.name!r} ({type(self).__name__}) has {len(own)} weights, the file has {len(store)} "
                f"for it{'' if self.built else ' (the layer is not built: call it on data first)'}"
            )
        for i, v in enumerate(own):
            v.assign(store[str(i)])

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


# Attributes that hold layers without owning them, or hold no layers and are long.
_NOT_CHILDREN = frozenset(
    {"_auto_args", "_trainable_variables", "_non_trainable_variables", "_losses", "_build_shape", "_inbound_nodes"}
)


def _layers_in(value: Any) -> Iterator[Layer]:
    if isinstance(value, Layer):
        yield value
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _layers_in(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from _layers_in(part)


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def _read_signature(call: Any) -> CallSignature:
    parameters = list(inspect.signature(call).parameters.values())[1:]
    by_name = {p.name: p for p in parameters}
    training = by_name.get("training")
    default = training.default if training is not None and training.default is not training.empty else None
    return CallSignature(tuple(by_name), training is not None, default, "mask" in by_name)


def _marking_built(build: Any) -> Any:
    """``build`` that also works when a user calls it: variables get their path, and the layer knows it is built."""

    @functools.wraps(build)
    def wrapped(self: Layer, input_shape: Any = None, *args: Any, **kwargs: Any) -> None:
        if isinstance(input_shape, list) and all(n is None or isinstance(n, int) for n in input_shape):
            input_shape = tuple(input_shape)
        outermost = not self._building  # and not the build of a base class, called by that of a class on top of it
        self._building = True
        try:
            with name_scope(self.name) if _context.scope[-1:] != (self.name,) else _nothing():
                if input_shape is None and not args and not kwargs:
                    build(self) if _takes_nothing(build) else build(self, None)
                else:
                    build(self, input_shape, *args, **kwargs)
        finally:
            self._building = not outermost
        if outermost:
            if self._build_shape is None:
                self._build_shape = input_shape
            self.built = True

    return wrapped


def _takes_nothing(build: Any) -> bool:
    return len(inspect.signature(build).parameters) == 1


def _policy_name(dtype: Any) -> Any:
    """The dtype of a DTypePolicy (serialized, or the global one), or what was given."""
    if isinstance(dtype, dict):
        return dtype.get("config", {}).get("name", "float32")
    dtype = settings.dtype_policy() if dtype is None else dtype
    return dtype.name if hasattr(dtype, "compute_dtype") else dtype


def _given_input_shape(kwargs: dict[str, Any]) -> Shape | None:
    """The batch input shape that ``input_shape=`` and its relatives name; they are taken out of ``kwargs``."""
    batch = kwargs.pop("batch_size", None) if "input_shape" in kwargs or "input_dim" in kwargs else None
    for key in ("batch_input_shape", "batch_shape"):
        if key in kwargs:
            return tuple(kwargs.pop(key))
    if "input_shape" in kwargs:
        shape = kwargs.pop("input_shape")
        return (batch, *((shape,) if isinstance(shape, int) else tuple(shape)))
    if "input_dim" in kwargs:
        dim = kwargs.pop("input_dim")
        length = kwargs.pop("input_length", None)
        return (batch, dim) if length is None else (batch, length, dim)
    return None


def _map_shapes(function: Any, shape: Any) -> Any:
    """Apply a function to every shape in a nested structure of shapes (tuples or lists of numbers and None)."""
    if isinstance(shape, dict):
        return {key: _map_shapes(function, s) for key, s in shape.items()}
    if isinstance(shape, (list, tuple)) and any(isinstance(s, (list, tuple, dict)) for s in shape):
        return [_map_shapes(function, s) for s in shape]
    return function(shape)


def _zeros_of(shapes: Any, batch: int, dtype: str) -> Any:
    """Zeros for every shape in a nested structure, with ``batch`` in the place of open entries."""
    from ..ops import zeros

    return _map_shapes(lambda shape: zeros(tuple(batch if n is None else n for n in shape), dtype), shapes)


def _add_context(error: BaseException, layer: Layer, args: tuple[Any, ...]) -> None:
    """Say in which layer an error happened, once, at the innermost layer."""
    if getattr(error, "_dualnet_noted", False):
        return
    shapes = [getattr(x, "shape", type(x).__name__) for x in tree.flatten(list(args))]
    error.add_note(f"in layer {layer.name!r} ({type(layer).__name__}), called on shape {', '.join(map(str, shapes))}")
    error._dualnet_noted = True  # type: ignore[attr-defined]


Layer._signature = _read_signature(Layer.call)
