"""Metric: what is measured, accumulated over batches on the device."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import dualnet_backends as backends

from .. import initializers, tree
from ..core.conversion import to_array
from ..core.naming import auto_name
from ..core.tensor import Tensor
from ..core.tracing import before_write, no_grad
from ..core.variables import Variable
from ..core.version import invalidate
from ..losses.reduction import compute_dtype
from ..serialization.configurable import Configurable, builtin_class, config_attributes


class Metric(Configurable):
    """Base of all metrics.

    A metric of your own makes its variables in ``__init__`` with ``add_variable``, adds a batch to them in
    ``update_state``, and computes its value in ``result``. Variables and metrics assigned to attributes, in
    lists and dictionaries too, belong to it. Nothing in ``update_state`` should read a value (``float``, ``bool``,
    ``numpy()``): on a GPU every read waits for the device.

    Args:
        dtype: of variables and result, by default ``floatx()``.
        name: by default the class in snake_case.
    """

    # "up" if larger is better, "down" if smaller: what callbacks do with mode="auto".
    _direction: str | None = None
    _variables: list[Variable]

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        self.name = name or auto_name(type(self).__name__)
        self._dtype = compute_dtype(dtype)
        self._variables = []

    def __setattr__(self, name: str, value: Any) -> None:
        """Set an attribute. A recorded step (``capture/executors/graph.py``) has read the one of before: it is recorded anew. That
        holds for dualnet's metrics; the code of others is in no recording."""
        known = self.__dict__.get(name, value)
        if known is not value and name != "name" and not name.startswith("_"):
            if type(self).__module__.startswith("dualnet."):
                invalidate()
        object.__setattr__(self, name, value)

    @property
    def dtype(self) -> str:
        return self._dtype

    def add_variable(
        self,
        shape: Any,
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Variable:
        """A variable that keeps the state. It is set to zeros by ``reset_state``.

        Args:
            initializer: of its first value: a name, a callable ``(shape, dtype)``, or the value.
            dtype: by default ``floatx()``.
        """
        if "_variables" not in self.__dict__:
            raise RuntimeError(f"{type(self).__name__}.__init__ must call super().__init__() before it makes variables")
        if not hasattr(initializer, "shape"):
            initializer = initializers.get("zeros" if initializer is None else initializer)
        variable = Variable(
            initializer,
            shape=(shape,) if isinstance(shape, int) else tuple(shape),
            dtype=dtype,
            trainable=False,
            aggregation=aggregation,
            synchronization="on_read",
            name=name,
        )
        variable.path = f"{self.name}/{variable.name}"
        self._variables.append(variable)
        return variable

    def add_weight(self, *args: Any, **kwargs: Any) -> Variable:
        """``add_weight(shape=(), initializer="zeros", dtype=None, name=None)``: ``add_variable`` under its older name.

        As in tf.keras the name may come first: ``add_weight("total", shape=(), initializer="zeros")``.
        """
        if args and isinstance(args[0], str):
            kwargs["name"], args = args[0], args[1:]
        kwargs.pop("synchronization", None)
        arguments = dict(zip(("shape", "initializer", "dtype", "name"), args)) | kwargs
        return self.add_variable(**{"shape": (), **arguments})

    def _add_zeros(self, name: str, shape: Any, backend: backends.Backend | None = None, dtype: Any = None) -> Variable:
        """A variable of zeros, allocated on a device (that of the first batch) without a transfer."""
        backend = backend or backends.current()
        with backends.device(backend.device):
            return self.add_variable(shape, lambda shape, dtype: backend.xp.zeros(shape, dtype=dtype), dtype, name=name)

    @property
    def variables(self) -> list[Variable]:
        """The variables of the metric, then those of the metrics in it."""
        arguments = {"_variables", "_fn_kwargs", *config_attributes(builtin_class(type(self))).values()}
        leaves = tree.flatten([v for k, v in self.__dict__.items() if k not in arguments])
        own = [*self.__dict__.get("_variables", ()), *(v for v in leaves if isinstance(v, Variable))]
        own += [v for m in leaves if isinstance(m, Metric) for v in m.variables]
        return list({id(v): v for v in own}.values())

    def reset_state(self) -> None:
        """Set all variables to zeros, as at the start of an epoch."""
        for v in self.variables:
            before_write(v.data)
            v.data.fill(0)

    def reset_states(self) -> None:
        """``reset_state`` under its older name."""
        self.reset_state()

    def update_state(self, *args: Any, **kwargs: Any) -> Any:
        """Add a batch."""
        raise NotImplementedError(f"{type(self).__name__} must define update_state(...)")

    def result(self) -> Any:
        """The value so far: a tensor without axes, or a dictionary of them."""
        raise NotImplementedError(f"{type(self).__name__} must define result()")

    @contextmanager
    def _with_values(self, values: Sequence[Any]) -> Iterator[list[Variable]]:
        """Let the variables have other values inside the block, and their own ones again after it."""
        variables = self.variables
        if len(values) != len(variables):
            raise ValueError(
                "Argument `metric_variables` must be a list of tensors corresponding 1:1 to "
                f"{type(self).__name__}().variables. Received list with length {len(values)}, but expected "
                f"{len(variables)} variables."
            )
        before = [v.data for v in variables]
        try:
            for v, value in zip(variables, values):
                v.data = to_array(value, backends.of(v.data), v.data.dtype).copy()
            yield variables
        finally:
            for v, data in zip(variables, before):
                v.data = data

    def stateless_update_state(self, metric_variables: Sequence[Any], *args: Any, **kwargs: Any) -> list[Tensor]:
        """What ``update_state`` would make of these values of the variables, which keep their own. One for each of
        ``variables``."""
        with self._with_values(metric_variables) as variables:
            self.update_state(*args, **kwargs)
            return [Tensor(v.data) for v in variables]

    def stateless_result(self, metric_variables: Sequence[Any]) -> Any:
        """What ``result`` would be for these values of the variables."""
        with self._with_values(metric_variables):
            return self.result()

    def stateless_reset_state(self) -> list[Tensor]:
        """The values of the variables after ``reset_state``, which they do not get."""
        with self._with_values(self.variables) as variables:
            self.reset_state()
            return [Tensor(v.data) for v in variables]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """``update_state``, then ``result``."""
        with no_grad():
            self.update_state(*args, **kwargs)
            return self.result()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"
