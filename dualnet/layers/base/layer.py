"""Layer: weights, and a call that uses them."""

from __future__ import annotations

import inspect
from typing import Any

from ... import dtype_policies, regularizers, tree
from ...core.naming import auto_name
from ...core.tensor import Tensor
from ...core.variables import Variable
from ...dtype_policies import DTypePolicy, DTypePolicyMap
from ...graph.node import Node
from ...legacy.arguments import pop_input_shape
from ...ops import _autocast as autocast
from .calling import Calling
from .configuration import Configuration
from .context import context, name_scope, nothing
from .metaclass import LayerType, Shape, marking_built, read_signature
from .symbolic import Symbolic
from .tracking import Tracking

__all__ = ["Layer", "Shape", "name_scope"]


class Layer(Calling, Tracking, Symbolic, Configuration, metaclass=LayerType):
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
    takes_text = False  # whether the layer reads strings, so that a model may be fed with them
    _auto_args: tuple[tuple[Any, ...], dict[str, Any]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._signature = read_signature(cls.call)  # wherever it is inherited from
        cls._makes_mask = cls.compute_mask is not Layer.compute_mask
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
        self._path: str | None = None
        self._dtype_policy: Any = None
        self.dtype_policy = dtype
        if not isinstance(trainable, bool):
            raise ValueError(f"Expected `trainable` to be a boolean. Received: trainable={trainable!r}")
        self._trainable = trainable
        self._trainable_variables: list[Variable] = []
        self._non_trainable_variables: list[Variable] = []
        self._losses: list[Tensor] = []
        self._inbound_nodes: list[Node] = []
        self._build_shape: Any = None
        self._summary_output_shape: Any = None
        self._batch_input_shape = pop_input_shape(kwargs)
        for value in list(self.__dict__.values()):  # variables that were set before this was called
            if isinstance(value, Variable):
                self._track(value)
        if kwargs:
            raise ValueError(_unknown_arguments(type(self), kwargs))

    # -- dtype ---------------------------------------------------------------------------------------------------

    @property
    def dtype_policy(self) -> DTypePolicy:
        """In which dtype the layer computes and in which it keeps its weights; may be set to a policy or its name."""
        policy = self._dtype_policy
        return policy[self._path or self.name] if isinstance(policy, DTypePolicyMap) else policy

    @dtype_policy.setter
    def dtype_policy(self, value: Any) -> None:
        policy = dtype_policies.get(value)
        if isinstance(self.__dict__.get("_dtype_policy"), DTypePolicyMap) and not isinstance(policy, DTypePolicyMap):
            self._dtype_policy[self._path or self.name] = policy
        else:
            self._dtype_policy = policy
        self._follow_policy()

    def _follow_policy(self) -> None:
        policy = self.dtype_policy
        self._dtype, self._compute_dtype = policy.variable_dtype, policy.compute_dtype
        self._mixed_dtype = None if self._compute_dtype == self._dtype else self._compute_dtype
        if self._mixed_dtype is not None:
            autocast.enable()

    @property
    def dtype(self) -> str:
        """The dtype of the weights."""
        return self._dtype

    variable_dtype = dtype

    @property
    def compute_dtype(self) -> str:
        """The dtype that inputs are cast to and outputs have."""
        return self._compute_dtype

    input_dtype = compute_dtype

    @property
    def quantization_mode(self) -> None:
        """None: there is no quantization."""
        return self.dtype_policy.quantization_mode

    @property
    def path(self) -> str | None:
        """The names of the layers this one is in and its own, with "/" between; None until it is built."""
        return self._path

    # -- building and calling ------------------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of a shape, the batch first. Layers without weights need none.

        A layer whose ``call`` takes several tensors may name the shapes it needs: ``build(query_shape, value_shape)`` for
        ``call(query, value)``.
        """
        if not self.built:
            with name_scope(self.name) if context.scope[-1:] != (self.name,) else nothing():
                self._set_path()
        self.built = True

    def _set_path(self) -> None:
        """For the beginning of the build: now it is known which layers this one is in."""
        self._path = "/".join(context.scope)
        if isinstance(self._dtype_policy, DTypePolicyMap):
            self._follow_policy()

    def _build_at_init(self) -> None:
        """For the end of ``__init__`` of a layer without weights: it is built, unless a subclass has a ``build``."""
        self.built = type(self).build is Layer.build

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
        return [*self._losses, *(x for layer in self._sublayers() for x in layer._added_losses())]

    def _clear_losses(self) -> None:
        self._losses = []
        context.holding.discard(self)
        for layer in self._sublayers():
            layer._clear_losses()

    # -- saving --------------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as plain values. Without one of its own, from the signature."""
        dtype = dtype_policies.serialize(self._dtype_policy)
        config: dict[str, Any] = {"name": self.name, "trainable": self._trainable, "dtype": dtype}
        if type(self).get_config is Layer.get_config and type(self).__init__ is not Layer.__init__:
            config |= self._constructor_arguments()
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        return config

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


Layer._signature = read_signature(Layer.call)
Layer._makes_mask = False


def _unknown_arguments(kind: type[Layer], given: dict[str, Any]) -> str:
    import difflib

    hidden = {"self", "args", "kwargs", "lora_rank", "lora_alpha", "quantization_config"}
    known = [name for name in inspect.signature(kind.__init__).parameters if name not in hidden]
    near = [near for name in given for near in difflib.get_close_matches(name, known, n=1)]
    return (
        f"{kind.__name__} does not know the argument{'s' if len(given) > 1 else ''} {', '.join(map(repr, given))}; "
        f"it takes {', '.join(known)}" + (f"; did you mean {', '.join(map(repr, near))}?" if near else "")
    )
