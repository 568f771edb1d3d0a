"""Layer: weights, and a call that uses them.

``Layer`` is put together from classes for one topic each: ``tracking.WeightTracking`` (weights and sublayers), on top of it
``configuration.Saving`` (files), and ``symbolic.SymbolicCalls`` (shapes and graphs). ``calling`` has what happens to the
arguments of a call.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from ... import dtype_policies, regularizers, tree
from ...core.dtypes import is_float
from ...core.hints import similar
from ...core.naming import auto_name
from ...core.placement import elsewhere
from ...core.stateless import StatelessScope
from ...core.symbolic import KerasTensor
from ...core.tensor import Tensor
from ...core.tracing import state
from ...core.variables import Variable, present_values
from ...dtype_policies import DTypePolicy, DTypePolicyMap
from ...graph.node import Node
from ...graph.operation import Operation
from ...legacy.arguments import pop_input_shape
from ...ops import _autocast as autocast
from ...serialization.configurable import (
    Configurable,
    attributes,
    builtin_class,
    config_attributes,
    constructor_parameters,
)
from .calling import (
    add_context,
    check_call,
    check_positional,
    convert,
    convert_arguments,
    enter_context,
    pass_masks,
    set_mask,
)
from .context import context, layer_scope, name_scope
from .input_spec import assert_input_compatibility
from .metaclass import CallSignature, LayerType, Shape, marking_built, read_signature
from .symbolic import SymbolicCalls

__all__ = ["Layer", "Shape", "name_scope"]


class Layer(SymbolicCalls, Configurable, Operation, metaclass=LayerType):
    """Base of all layers.

    A layer of your own defines ``__init__``, ``build(input_shape)`` if its weights depend on the input, and
    ``call(inputs)``, with ``training`` or ``mask`` among its parameters if it needs them. ``add_weight`` makes weights; layers,
    variables, and lists or dictionaries of them are tracked as soon as they are attributes.

    Args:
        activity_regularizer: a penalty on the output.
        trainable: whether optimizers may change the weights.
        dtype: a name, of weights and results.
        name: by default the class in snake_case, numbered.
        input_shape, input_dim, batch_input_shape: the shape of the input without (with) the batch, for the first layer
            of a ``Sequential``.
    """

    # Attributes of a class, which a subclass may set.
    input_spec: Any = None  # what the input has to be: an ``InputSpec`` or a structure of them
    supports_masking = False
    stateful = False
    takes_text = False  # whether the layer reads strings, so that a model may be fed with them
    _independent_samples = True  # whether a layer of dualnet treats each sample alone (``TimeDistributed`` asks)
    _config_attributes = attributes(activity_regularizer=None, autocast=None, dtype=None, name=None, trainable=None)
    # Read from the methods once per class.
    _signature: CallSignature
    _makes_mask = False
    _defines_call = False
    # State of a layer, until it is changed.
    built = False
    _building = False
    _was_called = False
    _context_arguments: tuple[str, ...] = ()
    _auto_args: tuple[tuple[Any, ...], dict[str, Any]]  # what the constructor was called with

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return object.__new__(cls)  # the constructor says which arguments it does not know

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._signature = read_signature(cls.call)  # wherever it is inherited from
        cls._defines_call = cls.call is not Layer.call
        cls._makes_mask = cls.compute_mask is not Layer.compute_mask
        if "compute_mask" in vars(cls) and not any(
            "supports_masking" in vars(base) for base in cls.__mro__ if base is not Layer
        ):
            cls.supports_masking = True  # a layer that says what its mask is has one
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
                self._track_variable(value)
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

    # -- building ------------------------------------------------------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Make the weights for inputs of a shape, the batch first. Layers without weights need none.

        A layer whose ``call`` takes several tensors may name the shapes it needs: ``build(query_shape, value_shape)`` for
        ``call(query, value)``.
        """
        if not self.built:
            with layer_scope(self.name):
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

    # -- calling -------------------------------------------------------------------------------------------------

    def call(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(
            f"Layer {type(self).__name__} does not have a `call` method implemented: "
            f"{type(self).__name__} must define call(inputs)"
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        signature = self._signature
        if "_trainable_variables" not in self.__dict__:
            raise RuntimeError(f"{type(self).__name__}.__init__ must call super().__init__() first")
        if not args and kwargs and signature.names and signature.names[0] in kwargs:
            args = (kwargs.pop(signature.names[0]),)  # the input as a keyword argument
        # Most calls are of one tensor, with nothing else but ``training``.
        if (
            len(args) == 1
            and len(signature.required) < 2
            and isinstance(args[0], Tensor)
            and (not kwargs or (len(kwargs) == 1 and "training" in kwargs))
        ):
            x = args[0]
            if self.autocast and x.data.dtype != self._compute_dtype and is_float(x.data.dtype):
                args = (convert(self, x),)
            mask = x._keras_mask
            if mask is not None and signature.mask:
                kwargs["mask"] = mask
        else:
            check_positional(self, args)
            check_call(self, args, kwargs)
            if any(isinstance(x, KerasTensor) for x in tree.flatten([args, kwargs])):
                return self._symbolic_call(args, kwargs)
            args, kwargs = convert_arguments(self, args, kwargs)
            mask = pass_masks(self, args, kwargs)
        if not context.inside:
            device = elsewhere((*args, *kwargs.values()))
            if device is not None:
                with device:  # what the layer makes, its weights included, is beside its inputs
                    return self(*args, **kwargs)
        if self.input_spec is not None:
            assert_input_compatibility(self.input_spec, args[0] if args else None, self.name)
        before, inside, scope, seen = context.training, context.inside, context.scope, state.compute_dtype
        if not self.built:
            self._build_outside_trial(args, kwargs)
            context.scope = (*scope, self.name)  # of the layers inside, which are built by being called
        if not self._was_called:
            self._was_called = True
        if not inside:
            context.inside = True
            if context.layers_with_losses or state.scope is not None:
                self._clear_losses()  # those of the previous call
        if seen != self._mixed_dtype:
            state.compute_dtype = self._mixed_dtype if self.autocast else None
        if self._context_arguments:
            enter_context(self, kwargs)
        if signature.training:  # as resolve_training, without another call in every step
            training = kwargs.get("training")
            if training is None and "training" in signature.names[: len(args)]:
                training = args[signature.names.index("training")]
            elif training is None:
                training = kwargs["training"] = before if before is not None else signature.training_default
        else:
            training = kwargs.pop("training", None)
        if training is not None:
            context.training = training
        try:
            y = self.call(*args, **kwargs)
        except Exception as error:
            add_context(error, self, args)
            raise
        finally:
            context.training, context.inside, context.scope = before, inside, scope
            if state.compute_dtype != seen:
                state.compute_dtype = seen
            if self._context_arguments:
                context.leave()
        if type(y) is not Tensor:
            y = present_values(y)
        if self.supports_masking and (mask is not None or self._makes_mask):
            set_mask(self, args[0] if args else None, mask, y)
        if self.activity_regularizer is not None:
            for part in tree.flatten(y):
                self.add_loss(self.activity_regularizer(part) / max(1, *part.shape[:1]))
        return y

    def stateless_call(
        self,
        trainable_variables: Sequence[Any],
        non_trainable_variables: Sequence[Any],
        *args: Any,
        return_losses: bool = False,
        **kwargs: Any,
    ) -> Any:
        """A call in which the variables have these values. Nothing is changed; gradients flow to the values.

        The states of random generators are no variables here: random layers draw on from call to call.

        Args:
            trainable_variables, non_trainable_variables: a value for each of the variables of that name, in their order.
            return_losses: also return what ``losses`` would be.

        Returns:
            The outputs, and the values of ``non_trainable_variables`` after the call; with ``return_losses`` the losses as a third.
        """
        if not self.built:
            raise ValueError(
                f"To call stateless_call, {type(self).__name__} must be built (i.e. its variables must have been already created). "
                "You can build it by calling it on some data."
            )
        own = self.trainable_variables, self.non_trainable_variables
        names = ("trainable_variables", "non_trainable_variables")
        for name, values, variables in zip(names, (trainable_variables, non_trainable_variables), own):
            if len(values) != len(variables):
                raise ValueError(
                    f"Argument `{name}` must be a list of tensors corresponding 1:1 to {type(self).__name__}().{name}. Received "
                    f"list with length {len(values)}, but expected {len(variables)} variables."
                )
        mapping = [*zip(own[0], trainable_variables), *zip(own[1], non_trainable_variables)]
        with StatelessScope(mapping, collect_losses=return_losses) as scope:
            outputs = self(*args, **kwargs)
            losses = self.losses if return_losses else []
        after = [scope.get_current_value(v) for v in own[1]]
        return (outputs, after, losses) if return_losses else (outputs, after)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """The mask of the output: that of the input, unless a layer says otherwise."""
        return previous_mask

    def _register_call_context_args(self, *names: str) -> None:
        """Pass these keyword arguments of a call on to the layers inside that registered them too, as ``training`` is.

        A layer whose ``call`` does not take one of them may still be called with it.
        """
        if self._was_called:
            raise RuntimeError("Cannot add call-context args after the layer has been called.")
        self._context_arguments = tuple(dict.fromkeys((*self._context_arguments, *names)))

    # -- losses --------------------------------------------------------------------------------------------------

    def add_loss(self, loss: Any) -> None:
        """Add a scalar (or several) to the loss of this training step; for use inside ``call``."""
        losses = tree.flatten(loss)
        if state.scope is not None:
            state.scope.add_losses_of(self, losses)
            return
        self._losses += losses
        context.layers_with_losses.add(self)

    @property
    def losses(self) -> list[Any]:
        """What ``add_loss`` added in the last call, then the penalties of regularized trainable weights."""
        added = self._added_losses()
        return added + [v.regularizer(v) for v in self.trainable_weights if v.regularizer is not None]

    def _added_losses(self) -> list[Any]:
        own = self._losses if state.scope is None else state.scope.losses_of(self)
        return [*own, *(x for layer in self._sublayers() for x in layer._added_losses())]

    def _replace_losses(self, *losses: Any) -> None:
        """Have these losses in the place of those that the last call added."""
        self._losses = list(losses)
        context.layers_with_losses.add(self)

    def _clear_losses(self) -> None:
        if state.scope is not None:
            state.scope.clear_losses_of(self)
        else:
            self._losses = []
            context.layers_with_losses.discard(self)
        for layer in self._sublayers():
            layer._clear_losses()

    # -- saving --------------------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as plain values. Without one of its own, from the signature."""
        owner = builtin_class(type(self))
        dtype = dtype_policies.serialize(self._dtype_policy)
        config: dict[str, Any] = {"name": self.name, "trainable": self._trainable, "dtype": dtype}
        if "trainable" not in constructor_parameters(owner):
            del config["trainable"]
        arguments, kept = super().get_config(), config_attributes(owner)
        config |= {key: value for key, value in arguments.items() if key in kept or key not in config}
        if self.activity_regularizer is not None:
            config["activity_regularizer"] = regularizers.serialize(self.activity_regularizer)
        return config

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


Layer._signature = read_signature(Layer.call)


def _unknown_arguments(cls: type[Layer], arguments: dict[str, Any]) -> str:
    hidden = {"self", "args", "kwargs", "lora_rank", "lora_alpha", "quantization_config"}
    known = [name for name in inspect.signature(cls.__init__).parameters if name not in hidden]
    inherited = [*constructor_parameters(cls), "input_shape", "input_dim", "batch_shape"]
    meant = [name for name in (similar(argument, inherited) for argument in arguments) if name]
    return (
        f"{cls.__name__} does not know the argument{'s' if len(arguments) > 1 else ''} {', '.join(map(repr, arguments))}; "
        f"it takes {', '.join(known)}" + (f"; did you mean {', '.join(map(repr, meant))}?" if meant else "")
    )
