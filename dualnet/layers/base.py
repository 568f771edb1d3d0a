"""Layer: weights, and a call that uses them."""

from __future__ import annotations

import inspect
from typing import Any

import dualnet_backends as backends

from .. import config as settings
from .. import regularizers, tree
from ..autodiff import to_array
from ..dtypes import is_float, standardize_dtype
from ..graph import Node
from ..naming import auto_name
from ..tensor import KerasTensor, Tensor
from ..variables import Variable
from .configuration import Configuration
from .context import context, name_scope
from .layer_type import CallSignature, LayerType, Shape, given_input_shape, marking_built, read_signature
from .symbolic import Symbolic
from .tracking import Tracking

__all__ = ["Layer", "Shape", "name_scope"]


class Layer(Tracking, Symbolic, Configuration, metaclass=LayerType):
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
        cls._signature = read_signature(cls.call)  # wherever it is inherited from
        if "build" in cls.__dict__:
            cls.build = marking_built(cls.__dict__["build"])  # type: ignore[method-assign]

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
        self._batch_input_shape = given_input_shape(kwargs)
        if kwargs:
            known = ", ".join(p for p in inspect.signature(type(self).__init__).parameters if p != "self")
            raise ValueError(
                f"{type(self).__name__} does not know the argument{'s' if len(kwargs) > 1 else ''} "
                f"{', '.join(map(repr, kwargs))}; it takes {known}"
            )

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
        before, inside, scope = context.training, context.inside, context.scope
        if not self.built:
            self._build_for(args, kwargs)
            context.scope = (*scope, self.name)  # of the layers inside, which are built by being called
        if not inside:
            context.inside = True
            if context.holding:
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
            context.training = training
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
            context.training, context.inside, context.scope = before, inside, scope
        if mask is not None and self.supports_masking:
            for part in tree.flatten(y):
                part._keras_mask = self.compute_mask(args[0], mask)
        if self.activity_regularizer is not None:
            for part in tree.flatten(y):
                self.add_loss(self.activity_regularizer(part) / part.shape[0])
        return y

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

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """The mask of the output: that of the input, unless a layer says otherwise."""
        return previous_mask

    # -- losses --------------------------------------------------------------------------------------------------

    def add_loss(self, loss: Any) -> None:
        """Add a scalar (or several) to the loss of this training step; for use inside ``call``."""
        self._losses += tree.flatten(loss)
        context.holding.add(self)

    @property
    def losses(self) -> list[Any]:
        """What ``add_loss`` added in the last call, then the penalties of regularized trainable weights."""
        found = self._added_losses()
        return found + [v.regularizer(v) for v in self.trainable_weights if v.regularizer is not None]

    def _added_losses(self) -> list[Any]:
        return [*self._losses, *(x for layer in self._flatten_layers() for x in layer._added_losses())]

    def _clear_losses(self) -> None:
        self._losses = []
        context.holding.discard(self)
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

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


def _policy_name(dtype: Any) -> Any:
    """The dtype of a DTypePolicy (serialized, or the global one), or what was given."""
    if isinstance(dtype, dict):
        return dtype.get("config", {}).get("name", "float32")
    dtype = settings.dtype_policy() if dtype is None else dtype
    return dtype.name if hasattr(dtype, "compute_dtype") else dtype


def _add_context(error: BaseException, layer: Layer, args: tuple[Any, ...]) -> None:
    """Say in which layer an error happened, once, at the innermost layer."""
    if getattr(error, "_dualnet_noted", False):
        return
    shapes = [getattr(x, "shape", type(x).__name__) for x in tree.flatten(list(args))]
    error.add_note(f"in layer {layer.name!r} ({type(layer).__name__}), called on shape {', '.join(map(str, shapes))}")
    error._dualnet_noted = True  # type: ignore[attr-defined]


Layer._signature = read_signature(Layer.call)
