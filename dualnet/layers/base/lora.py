"""Low-rank adaptation: a layer tuned through two small matrices beside its weight (arXiv:2106.09685)."""

from __future__ import annotations

from typing import Any

from ... import ops
from ...core.variables import Variable
from ...serialization.configurable import attributes
from .context import at_path
from .layer import Layer


class MergedKernel:
    """The attribute ``kernel`` of a layer: its variable, or the sum of the variable and its low-rank update once there is one.

    ``build`` sets an instance attribute, which takes precedence, so a layer without a low-rank update has no overhead.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, layer: Any, owner: Any = None) -> Any:
        if layer is None:
            return self
        if layer.lora_enabled:
            return layer._lora_weight() + layer._lora_update()
        raise AttributeError(f"{owner.__name__} layer {layer.name!r} has no {self.name} yet: it is not built")


class BaseKernel:
    """The attribute ``_kernel``: the frozen variable without its low-rank update. ``enable_lora`` sets it on the instance."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, layer: Any, owner: Any = None) -> Any:
        return self if layer is None else getattr(layer, self.name)


class Lora(Layer):
    """A layer whose ``kernel`` may be frozen and tuned by ``lora_alpha / rank * lora_kernel_a @ lora_kernel_b``.

    Files hold the two together: they are read by a layer with or without a low-rank part.
    """

    lora_enabled = False
    lora_rank: int | None = None
    lora_alpha: float | None = None
    _lora_of = "kernel"  # the name of the weight
    _config_attributes = attributes(lora_rank=None, lora_alpha=None)

    def _set_lora(self, rank: int | None, alpha: float | None) -> None:
        """For ``__init__``: the low-rank update that ``build`` will add."""
        self.lora_rank, self.lora_alpha = rank, alpha
        if rank is not None:
            self._refuse_constraint()

    def _enable_requested_lora(self) -> None:
        """For the end of ``build``."""
        if self.lora_rank and not self.lora_enabled:
            self.built = True
            self.enable_lora(self.lora_rank, self.lora_alpha)

    def enable_lora(
        self,
        rank: int,
        lora_alpha: float | None = None,
        a_initializer: Any = "he_uniform",
        b_initializer: Any = "zeros",
    ) -> None:
        """Freeze the weight, and tune it by a product of rank ``rank`` instead, which begins as zeros.

        Args:
            lora_alpha: the product is scaled by lora_alpha / rank; ``rank`` by default.

        Raises:
            ValueError: the layer is not built, has one already, or its weight has a constraint.
        """
        name = self._lora_of
        self._refuse_constraint()
        if not self.built:
            raise ValueError("Cannot enable lora on a layer that isn't yet built.")
        if self.lora_enabled:
            raise ValueError("lora is already enabled. This can only be done once per layer.")
        weight = getattr(self, name)
        self._tracker.unlock()
        with at_path(self.path or self.name):
            for part, shape, initializer in (
                ("a", (*weight.shape[:-1], rank), a_initializer),
                ("b", (rank, weight.shape[-1]), b_initializer),
            ):
                key = f"lora_{name}_{part}"
                regularizer = getattr(self, f"{name}_regularizer")
                setattr(self, key, self.add_weight(shape, initializer, regularizer=regularizer, name=key))
        self._tracker.lock()
        weight.trainable = False
        self.lora_rank, self.lora_alpha = rank, rank if lora_alpha is None else lora_alpha
        setattr(self, f"_{name}", weight)
        delattr(self, name)
        self.lora_enabled = True

    def _refuse_constraint(self) -> None:
        if getattr(self, f"{self._lora_of}_constraint") is not None:
            raise ValueError(
                f"Lora is incompatible with {self._lora_of.removesuffix('s')} constraints. In order to enable lora on this layer, remove the "
                f"`{self._lora_of}_constraint` argument."
            )

    def _lora_weight(self) -> Any:
        """The variable of the weight itself."""
        return getattr(self, f"_{self._lora_of}" if self.lora_enabled else self._lora_of)

    def _lora_update(self) -> Any:
        a, b = (getattr(self, f"lora_{self._lora_of}_{part}") for part in "ab")
        return self._lora_scale() * ops.matmul(a, b)

    def _lora_scale(self) -> float:
        assert self.lora_rank is not None
        assert self.lora_alpha is not None
        return self.lora_alpha / self.lora_rank

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """As other layers, with the low-rank part in the weight."""
        for i, v in enumerate(self._saved_variables()):
            merged = self.lora_enabled and v is self._lora_weight()
            store[str(i)] = getattr(self, self._lora_of).numpy() if merged else v.numpy()

    def load_own_variables(self, store: Any) -> None:
        """As other layers; the low-rank part begins as zeros again."""
        super().load_own_variables(store)
        if self.lora_enabled:
            b = getattr(self, f"lora_{self._lora_of}_b")
            b.assign(ops.zeros_like(b))

    def _saved_variables(self) -> list[Variable]:
        """The layer's variables without those of the low-rank update."""
        update = [getattr(self, f"lora_{self._lora_of}_{part}") for part in "ab"] if self.lora_enabled else []
        return [v for v in self._own_variables() if all(v is not u for u in update)]

    def get_config(self) -> dict[str, Any]:
        """As other layers, with rank and alpha of the low-rank part where there is one."""
        config = super().get_config()
        return {**config, "lora_rank": self.lora_rank, "lora_alpha": self.lora_alpha} if self.lora_rank else config
