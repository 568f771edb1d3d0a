"""Optimizer: gradients in, weights changed in place, one pass over one flat buffer."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import dualnet_backends as backends

from ..core.conversion import to_array
from ..core.tensor import Array, Tensor
from ..core.tracing import before_write, live_tapes, live_views, no_grad
from ..core.tracing import state as tracing
from ..core.variables import Variable, buffer_slices
from ..core.warning import warn
from ..legacy.methods import LegacyOptimizerMethods
from . import clipping
from .optimizer_state import Segment, contiguous_slices
from .scalars import ScalarMethods, UpdateScalars
from .state_io import StateMethods

LONG = 1 << 17  # weights that threads may share


class UpdatePlan(NamedTuple):
    """What an update covers, for a given set of variables without a gradient."""

    variables: list[Variable]  # with a gradient
    segments: list[Segment]
    decayed: list[Array]  # the weights that weight decay applies to
    all_decay: bool  # whether these are the weights of all segments
    accumulated: list[tuple[Array, Array]]  # gradients, and their running sums
    overwritten: list[Variable]


class Optimizer(ScalarMethods, StateMethods, LegacyOptimizerMethods):
    """Base of all optimizers. A custom one defines ``slot_names``, ``scalars`` and ``update_rule``; or ``slot_names`` and
    ``update``; or ``build`` and ``update_step`` as in Keras.

    Args:
        learning_rate: a number, a ``LearningRateSchedule``, or a function that is called before every update.
        weight_decay: every update also takes ``learning_rate * weight_decay`` of each weight away (decoupled,
            arXiv:1711.05101). Of the three ways to limit gradients at most one may be given: clipnorm (the norm of each
            gradient), global_clipnorm (the norm of all together), clipvalue (each element).
        use_ema: keep a running average of the weights, of momentum ema_momentum, which replaces them every
            ema_overwrite_frequency updates (None: never) and at the end of ``fit``.
        loss_scale_factor: the loss is multiplied by it before the gradients are taken, and they are divided by it, so
            that small ones survive in half precision.
        gradient_accumulation_steps: the weights are changed only every so many steps, by the mean gradient of those
            steps.
    """

    def update_rule(
        self, backend: backends.Backend, w: Array, g: Array, slots: Any, scalars: tuple[backends.Scalar, ...]
    ) -> None:
        """Change ``w`` and the slots in place. scalars: what the method ``scalars`` returned; in a captured step, 0-d arrays of
        the dtype of w with these values. A rule may take ``decay=None`` too, a factor that it multiplies w by first; for one
        that does not, weights have decayed before.

        All are flat and of one length, the weights of several variables one after the other; unless the class says
        ``elementwise = False``: then they are those of one variable, in its shape.
        """
        raise NotImplementedError(f"{type(self).__name__} must define update_rule, update or update_step")

    def update(self, backend: backends.Backend, w: Array, g: Array, slots: Any, lr: float, t: int) -> None:
        """``update_rule`` for the ``t``-th update, counted from 1. A subclass that overrides it is called with the numbers in
        every step, which is then not captured."""
        self.update_rule(backend, w, g, slots, self.scalars(lr, t))

    def update_step(self, gradient: Any, variable: Variable, learning_rate: float) -> None:
        """The update of one variable. Override it, as in Keras, if ``update`` does not fit."""
        self._get_variable_index(variable)  # raises for an unknown one
        assert self._state is not None
        slots = self._state.of(variable)
        g = to_array(gradient, backends.of(variable.data)).astype(variable.dtype)
        arrays = [variable.data, g, *slots]
        if self.elementwise:
            arrays = [a.reshape(-1) for a in arrays]
        w, g, *slots = arrays
        self.update(backends.of(w), w, g, tuple(slots), float(learning_rate), self._update_count() + 1)

    def apply_gradients(
        self,
        grads_and_vars: Iterable[tuple[Any, Variable]],
        name: str | None = None,
        skip_gradients_aggregation: bool = False,
        experimental_aggregate_gradients: bool = True,
    ) -> Variable:
        """One update from (gradient, variable) pairs; a gradient of None leaves its variable alone.

        Args:
            grads_and_vars: the pairs.
            name, skip_gradients_aggregation, experimental_aggregate_gradients: of tf.keras, without effect on one device.

        Returns:
            The number of updates so far.
        """
        pairs = list(grads_and_vars)
        self.apply([g for g, _ in pairs], [v for _, v in pairs])
        return self._iterations

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None) -> None:
        """One update from gradients, in the order of the variables (by default those of the last ``build``)."""
        grads = list(grads)
        if not grads:
            return
        if trainable_variables is None and not self.built:
            raise ValueError("gradients without variables: pass them too, or call build(variables) first")
        variables = self.known_variables if trainable_variables is None else list(trainable_variables)
        if tracing.scope is not None:
            self._apply_in_scope(grads, variables)
            return
        if len(grads) != len(variables):
            raise ValueError(f"got {len(grads)} gradients for {len(variables)} variables: one is needed for each")
        self.ensure_built(variables)
        missing = []
        for g, v in zip(grads, variables):
            if g is None:
                missing.append(v)
                continue
            g = g.data if isinstance(g, Tensor) else to_array(g, backends.of(v.data))
            if g.shape != v.shape:
                raise ValueError(f"the gradient of {v.path!r} has shape {g.shape}, the variable {v.shape}")
            assert v.grad is not None  # ensure_built has packed it
            if g is not v.grad:
                v.grad[...] = g
        if missing and len(missing) < len(variables):
            names = ", ".join(v.path for v in missing)
            warn(f"Gradients do not exist for variables {names}: they stay as they are")
        ids = {id(v) for v in variables}
        missing += [v for v in self.known_variables if id(v) not in ids]
        self.apply_in_place(missing)

    def ensure_built(self, variables: Sequence[Variable]) -> None:
        """Build on first use; afterwards only the same variables are accepted."""
        if not self.built:
            self.build(list(variables))
            self.built = True
            if self._pending is not None:
                self.set_weights(self._pending)
                self._pending = None
            return
        for v in variables:
            if id(v) not in self._trainable_variables_indices:
                raise ValueError(
                    f"Unknown variable: {v.path!r}. This optimizer was made for others: use a new optimizer, or call "
                    "optimizer.build(model.trainable_variables) first, which forgets its state"
                )
        if self.has_moved():
            self.follow_weights()

    def apply_in_place(self, missing: Sequence[Variable] = (), scalars: Any = None) -> None:
        """One update from the gradients in ``variable.grad``.

        Args:
            missing: the variables without a gradient, which are left alone.
            scalars: what ``read_scalars`` returned, from whoever then calls ``advance``; by default both happen here.
        """
        if len(missing) >= len(self._trainable_variables):
            raise ValueError("No gradients provided for any variable. Does the loss depend on the model's output?")
        if tracing.tapes:
            with no_grad():
                self.apply_in_place(missing, scalars)
            return
        if live_tapes or live_views:
            before_write(*(v.data for v in (*self._trainable_variables, *self.variables)))
        key = tuple(map(id, missing))
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = self._plan(set(key))
        due = self._accumulate(plan)
        if due:
            self._update_all(plan, scalars)
        if self._averages is not None:
            self._averages.update(self._slices, *(scalars.average if scalars else self._average_scalars()))
            if self.ema_overwrite_frequency and (self._update_count() + 1) % self.ema_overwrite_frequency == 0:
                self._averages.copy_to_weights(self._slices)
        for v in plan.variables:
            if v.constraint is not None:
                v.assign(v.constraint(v))
        if scalars is None:
            self.advance()

    def advance(self) -> None:
        """Count a step, once its update is done or under way."""
        if live_tapes or live_views:
            before_write(self._iterations.data)
        self._iterations.data[()] = self.step_count() + 1

    def _plan(self, missing: set[int]) -> UpdatePlan:
        present = [v for v in self._trainable_variables if id(v) not in missing]
        normal = [v for v in present if not v.overwrite_with_gradient]
        overwritten = [v for v in present if v.overwrite_with_gradient]
        assert self._state is not None
        segments = self._state.segments(normal, missing)
        accumulated: list[tuple[Array, Array]] = []
        if self._accumulators is not None:
            excluded = missing.union(map(id, overwritten))
            for buffer_slice, sums in zip(buffer_slices(self._trainable_variables), self._accumulators.arrays):
                parts = contiguous_slices(buffer_slice, excluded)
                accumulated += [(buffer_slice.grads[part], sums[part]) for part in parts]
        included = [v for v in normal if not self._is_excluded(v)]
        all_decay = len(included) == len(normal)
        decayed = [s.values for s in segments] if all_decay else [v.data for v in included]
        return UpdatePlan(normal, segments, decayed, all_decay, accumulated, overwritten)

    def _accumulate(self, plan: UpdatePlan) -> bool:
        """Unscale and accumulate gradients; return whether an update is due."""
        if self.loss_scale_factor is None and self._accumulators is None and not plan.overwritten:
            return True  # the usual case
        steps = self.gradient_accumulation_steps or 1
        due = self._is_due()
        grads = [s.grads for s in plan.segments]
        if self.loss_scale_factor is not None:
            for g in grads:
                g /= self.loss_scale_factor
        if self._accumulators is not None:
            for g, total in plan.accumulated:
                if due:
                    g += total
                    total.fill(0)
                else:
                    total += g
            for v in plan.overwritten:  # a gradient that overwrites its variable is not added up: the largest counts
                total = self._accumulated_gradients[self._get_variable_index(v)].data  # type: ignore[union-attr]
                backends.of(total).xp.maximum(v.grad, total, out=total)
                v.grad[...] = total  # type: ignore[index]
                if due:
                    total.fill(0)
            for g in grads if due else ():
                g /= steps
        if due:
            for v in plan.overwritten:
                v.assign(v.grad)
        return due

    def _update_all(self, plan: UpdatePlan, scalars: Any) -> None:
        if self.clipvalue is not None or self.clipnorm is not None or self.global_clipnorm is not None:
            self._clip([s.grads for s in plan.segments], [v.grad for v in plan.variables])
        scalars = self.read_scalars() if scalars is None else scalars
        own = self._has_own_update()
        decay: tuple[backends.Scalar, ...] = ()
        if scalars.decay:
            if self._folds_decay and plan.all_decay and not own:
                decay = scalars.decay
            else:
                self._decay(plan, scalars)
        if type(self).update_step is not Optimizer.update_step:
            for v in plan.variables:
                assert v.grad is not None
                self.update_step(Tensor(v.grad), v, scalars.rule[0])
            return
        for s in plan.segments:
            if own:
                self.update(s.backend, s.values, s.grads, s.slots, *scalars.rule)
            elif s.values.size >= LONG and self._may_be_split():
                s.backend.split(s.values.size, functools.partial(self._update_part, s, scalars.rule, decay))
            else:
                self.update_rule(s.backend, s.values, s.grads, s.slots, scalars.rule, *decay)

    def _may_be_split(self) -> bool:
        """Whether parts of a flat buffer may be updated at the same time. A rule that the user wrote is called once, with the whole
        buffer."""
        return self.elementwise and type(self).update_rule.__module__.startswith("dualnet.")

    def _update_part(self, s: Segment, scalars: Any, decay: Any, part: slice) -> None:
        slots = tuple([slot[part] for slot in s.slots])
        self.update_rule(s.backend, s.values[part], s.grads[part], slots, scalars, *decay)

    def _clip(self, flat: list[Array], shaped: list[Any]) -> None:
        """Limit gradients in place, passed flat and by variable."""
        if self.clipvalue is not None:
            clipping.by_value(flat, self.clipvalue)
        elif self.clipnorm is not None:
            clipping.by_norm(shaped, self.clipnorm)
        elif self.global_clipnorm is not None:
            clipping.by_global_norm(flat, self.global_clipnorm)

    def _decay(self, plan: UpdatePlan, scalars: UpdateScalars) -> None:
        for w in plan.decayed:
            w *= scalars.decay[0]

    def swap_averages(self) -> None:
        """Exchange the weights and their running averages. For an optimizer with ``use_ema``."""
        if self._averages is None:
            raise ValueError(f"{self.name} keeps no averages: make it with use_ema=True, and train")
        before_write(*(v.data for v in (*self._trainable_variables, *self.variables)))
        self._averages.swap(self._slices)
        self.averages_are_in_weights = not self.averages_are_in_weights

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """Copy the running averages to the weights (with ``use_ema``); ``fit`` does it at its end."""
        if self._averages is None or not self.step_count():
            return
        if self.averages_are_in_weights:
            self._averages.update(self._slices, 0.0, 1.0)
            self.averages_are_in_weights = False
            return
        for v in var_list:
            average = self._averages.variables[self._get_variable_index(v)]
            if average is not None:
                v.assign(average)

    def scale_loss(self, loss: Any) -> Any:
        """The loss times ``loss_scale_factor``, which gradients are taken of."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor
