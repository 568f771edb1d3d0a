"""A layer called: its inputs brought to it, masks and ``training`` handed on, and what the call is made in."""

from __future__ import annotations

from typing import Any

import dualnet_backends as backends

from ... import tree
from ...core.conversion import to_array
from ...core.dtypes import is_float
from ...core.symbolic import KerasTensor
from ...core.tensor import Tensor
from ...core.text import is_text, text_tensor
from ...core.tracing import state
from ...core.variables import Variable
from .context import context
from .input_spec import assert_input_compatibility
from .metaclass import CallSignature


class Calling:
    """The part of ``Layer`` that calls ``call``."""

    activity_regularizer: Any
    autocast: bool
    built: bool
    input_spec: Any = None
    name: str
    supports_masking: bool
    _was_called = False
    _compute_dtype: str
    _context_arguments: tuple[str, ...] = ()
    _makes_mask: bool
    _mixed_dtype: str | None
    _signature: CallSignature
    _trainable_variables: list[Variable]
    _non_trainable_variables: list[Variable]
    # Of the other parts of Layer.
    _build_once: Any
    _clear_losses: Any
    _symbolic_call: Any
    add_loss: Any

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
            args = (kwargs.pop(signature.names[0]),)  # the input given by name
        # Most calls are of one tensor, with nothing else but ``training``.
        if (
            len(args) == 1
            and isinstance(args[0], Tensor)
            and (not kwargs or (len(kwargs) == 1 and "training" in kwargs))
        ):
            x = args[0]
            if self.autocast and x.data.dtype != self._compute_dtype and is_float(x.data.dtype):
                args = (self._convert(x),)
            mask = x._keras_mask
            if mask is not None and signature.mask:
                kwargs["mask"] = mask
        else:
            if any(isinstance(x, KerasTensor) for x in tree.flatten([args, kwargs])):
                return self._symbolic_call(*args, **kwargs)
            args, kwargs = self._converted(args, kwargs)
            mask = self._take_masks(args, kwargs)
        if self.input_spec is not None:
            assert_input_compatibility(self.input_spec, args[0] if args else None, self.name)
        before, inside, scope, seen = context.training, context.inside, context.scope, state.compute_dtype
        if not self.built:
            self._build_once(args, kwargs)
            context.scope = (*scope, self.name)  # of the layers inside, which are built by being called
        if not self._was_called:
            self._was_called = True
        if not inside:
            context.inside = True
            if context.holding:
                self._clear_losses()  # those of the call before
        if seen != self._mixed_dtype:
            state.compute_dtype = self._mixed_dtype if self.autocast else None
        if self._context_arguments:
            self._enter_context(kwargs)
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
        if self.supports_masking and (mask is not None or self._makes_mask):
            self._put_mask(args[0] if args else None, mask, y)
        if self.activity_regularizer is not None:
            for part in tree.flatten(y):
                self.add_loss(self.activity_regularizer(part) / max(1, *part.shape[:1]))
        return y

    def _converted(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments of a call with arrays as tensors, in the dtype the layer computes in."""
        for name, value in list(zip(self._signature.names, args))[1:]:
            if isinstance(value, (bool, str)) and name not in ("training", "mask"):
                raise ValueError(
                    f"Only input tensors may be passed as positional arguments to {type(self).__name__}; pass {value!r} as "
                    f"the keyword argument {name}={value!r}"
                )
        made = {key: self._convert_all(value) for key, value in kwargs.items()}
        return tuple(self._convert_all(value) for value in args), made

    def _convert(self, x: Any) -> Tensor:
        """An input on this layer's device, floating point in the dtype the layer computes in."""
        own = self._trainable_variables or self._non_trainable_variables
        backend = backends.of(own[0].data) if own else None
        dtype = self._compute_dtype
        if isinstance(x, Tensor):
            array = x.data
        elif is_text(x):
            return text_tensor(x)
        else:
            array = to_array(x, backend or backends.current())
        if self.autocast and is_float(array.dtype) and str(array.dtype) != dtype and is_float(dtype):
            if isinstance(x, Tensor):
                from ...ops import cast

                y = cast(x, dtype)
                y._keras_mask = x._keras_mask
                return y
            array = array.astype(dtype)
        return x if isinstance(x, Tensor) and array is x.data else Tensor(array)

    def _convert_all(self, argument: Any) -> Any:
        """Arrays and lists of numbers among the arguments as tensors; other things as they are."""
        if argument is None or isinstance(argument, (bool, str)) or callable(argument):
            return argument
        if isinstance(argument, (list, tuple)) and not any(
            x is None or hasattr(x, "shape") for x in tree.flatten(argument)
        ):
            return self._convert(argument)
        return tree.map_structure(lambda x: self._convert(x) if hasattr(x, "shape") else x, argument)

    # -- masks ---------------------------------------------------------------------------------------------------

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """The mask of the output: that of the input, unless a layer says otherwise."""
        return previous_mask

    def _take_masks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Give ``call`` the masks of its inputs: ``mask`` that of the first one, ``x_mask`` that of ``x``.

        Returns the mask that the output gets its own from.
        """
        names = self._signature.names
        positional = dict(zip(names, args))
        first = positional.get("mask", kwargs.get("mask"))
        for i, (name, value) in enumerate([*positional.items(), *kwargs.items()]):
            found = None if name == "training" or name.endswith("mask") else _mask_of(value)
            if found is None:
                continue
            for wanted in ("mask", f"{name}_mask") if i == 0 else (f"{name}_mask",):
                if wanted in names and wanted not in positional and kwargs.get(wanted) is None:
                    kwargs[wanted] = found
            if i == 0 and first is None:
                first = found
        return first

    def _put_mask(self, inputs: Any, mask: Any, outputs: Any) -> None:
        """Put the mask of the output on it, unless ``call`` did."""
        flat = tree.flatten(outputs)
        if any(getattr(y, "_keras_mask", None) is None for y in flat):
            for y, m in zip(flat, tree.flatten(self.compute_mask(inputs, mask))):
                if m is not None and isinstance(y, Tensor):
                    y._keras_mask = m

    # -- arguments that reach the layers inside ------------------------------------------------------------------

    def _register_call_context_args(self, *names: str) -> None:
        """Hand these keyword arguments of a call on to the layers inside that registered them too, as ``training`` is.

        A layer whose ``call`` does not take one of them may be called with it all the same.
        """
        if self._was_called:
            raise RuntimeError("Cannot add call-context args after the layer has been called.")
        self._context_arguments = tuple(dict.fromkeys((*self._context_arguments, *names)))

    @property
    def _call_context_args(self) -> frozenset[str]:
        return frozenset(("training", *self._context_arguments))

    def _enter_context(self, kwargs: dict[str, Any]) -> None:
        values = dict(context.arguments)
        for name in self._context_arguments:
            if kwargs.get(name) is not None:
                values[name] = kwargs[name]
            if name not in self._signature.names:
                kwargs.pop(name, None)
            elif name in values:
                kwargs[name] = values[name]
        context.enter(values)


def _mask_of(value: Any) -> Any:
    """The mask of a tensor, those of the tensors in a structure; None when there is none."""
    if isinstance(value, Tensor):
        return value._keras_mask
    if not tree.is_nested(value):
        return None
    masks = tree.map_structure(lambda x: getattr(x, "_keras_mask", None), value)
    return masks if any(m is not None for m in tree.flatten(masks)) else None


def add_context(error: BaseException, layer: Any, args: tuple[Any, ...]) -> None:
    """Say in which layer an error happened, once, at the innermost layer."""
    if getattr(error, "_dualnet_noted", False):
        return
    shapes = [getattr(x, "shape", type(x).__name__) for x in tree.flatten(list(args))]
    error.add_note(f"in layer {layer.name!r} ({type(layer).__name__}), called on shape {', '.join(map(str, shapes))}")
    error._dualnet_noted = True  # type: ignore[attr-defined]
