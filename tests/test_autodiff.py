"""The engine as users meet it: grad, GradientTape, primitive and no_grad."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from dualnet_backends import Backend

import dualnet.core.tensor
from dualnet import GradientTape, Tensor, Variable, grad, no_grad, ops, primitive, testing, value_and_grad
from dualnet.core.autodiff import backward
from dualnet.core.tensor import Array
from dualnet.core.tracing import is_recording, recording


def tensor(*values: float) -> Tensor:
    return ops.convert_to_tensor([float(v) for v in values])


class TestGrad:
    def test_of_a_number(self, backend: Backend) -> None:
        assert float(grad(lambda x: x**3)(2.0)) == 12.0
        assert float(grad(lambda x: x * x)(3)) == 6.0
        value, g = value_and_grad(lambda x: x**3)(2.0)
        assert (float(value), float(g)) == (8.0, 12.0)
        assert g.device == value.device == backend.device
        assert str(g.dtype) == "float32"

    def test_of_chosen_arguments(self, backend: Backend) -> None:
        def f(x: Any, y: Any, z: Any = 1.0) -> Any:
            return ops.sum(x * y) * z

        x, y = tensor(1, 2), tensor(3, 4)
        assert grad(f)(x, y).tolist() == [3, 4]
        assert grad(f, 1)(x, y).tolist() == [1, 2]
        assert [g.tolist() for g in grad(f, (0, 1))(x, y)] == [[3, 4], [1, 2]]
        assert [g.tolist() for g in grad(f, (1,))(x, y, z=2.0)] == [[2, 4]]
        assert not x.tracked

    def test_of_nested_structures_and_host_arrays(self, backend: Backend) -> None:
        def f(p: Any) -> Any:
            return ops.sum(p["w"] * 2.0) + ops.sum(p["rest"][0] ** 2) + p["rest"][1]

        g = grad(f)({"w": np.ones(3), "rest": [tensor(1, 2), 5.0]})
        assert g["w"].tolist() == [2, 2, 2]
        assert str(g["w"].dtype) == "float64"
        assert g["rest"][0].tolist() == [2, 4]
        assert float(g["rest"][1]) == 1
        assert {x.device for x in (g["w"], *g["rest"])} == {backend.device}

    def test_what_does_not_matter_has_gradient_zero(self, backend: Backend) -> None:
        assert grad(lambda x: ops.sum(tensor(1, 2)))(tensor(3, 4)).tolist() == [0, 0]
        assert grad(lambda x: ops.sum(ops.stop_gradient(x) * x))(tensor(3, 4)).tolist() == [3, 4]

    def test_needs_one_number(self, backend: Backend) -> None:
        with pytest.raises(ValueError, match=r"one number, got \(2,\)"):
            grad(lambda x: x)(tensor(1, 2))
        with pytest.raises(ValueError, match="one number, got float"):
            grad(lambda x: 1.0)(tensor(1))


class TestTape:
    def test_variables_are_watched_by_themselves(self, backend: Backend) -> None:
        w, fixed = Variable([1.0, 2.0]), Variable([5.0, 5.0], trainable=False)
        with GradientTape() as tape:
            loss = ops.sum(w * w * fixed)
        assert [v.path for v in tape.watched_variables()] == [w.path]
        fixed.assign([5.0, 5.0])  # which leaves its old values on the tape
        assert [v.path for v in tape.watched_variables()] == [w.path]
        g = tape.gradient(loss, [w, fixed])
        assert g[0].tolist() == [10, 20]
        assert g[1] is None

    def test_tensors_are_watched_on_request(self, backend: Backend) -> None:
        x, y = tensor(1, 2), tensor(3, 4)
        with GradientTape() as tape:
            tape.watch(x)
            z = ops.sum(x * y)
        assert [g if g is None else g.tolist() for g in tape.gradient(z, (x, y))] == [[3, 4], None]
        with pytest.raises(TypeError, match="expects a tensor"):
            tape.watch(3.0)
        with pytest.raises(ValueError, match="floating point"):
            tape.watch(ops.convert_to_tensor([1, 2]))

    def test_watch_accessed_variables_can_be_turned_off(self, backend: Backend) -> None:
        a, b = Variable(2.0), Variable(3.0)
        with GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(b)
            y = a * b
        ga, gb = tape.gradient(y, [a, b])
        assert ga is None
        assert float(gb) == 2

    def test_structure_of_the_sources(self, backend: Backend) -> None:
        a, b, c = Variable(2.0), Variable(3.0), Variable(4.0)
        with GradientTape(persistent=True) as tape:
            y = a * b * c
        nested = tape.gradient(y, {"x": a, "rest": (b, [c])})
        assert float(nested["x"]) == 12
        assert float(nested["rest"][0]) == 8
        assert float(nested["rest"][1][0]) == 6
        assert float(tape.gradient(y, a)) == 12

    def test_intermediate_values_can_be_sources(self, backend: Backend) -> None:
        x = tensor(1, 2, 3, 4)
        with GradientTape() as tape:
            tape.watch(x)
            middle = x * 2.0
            parts = ops.split(middle, 2)
            y = ops.sum(parts[0] ** 2) + ops.sum(parts[1])
        g = tape.gradient(y, [x, middle, *parts, y])
        assert [v.tolist() for v in g] == [[8, 16, 2, 2], [4, 8, 1, 1], [4, 8], [1, 1], 1]

    def test_unconnected(self, backend: Backend) -> None:
        x, y = tensor(1, 2), tensor(np.inf, 4)
        with GradientTape(persistent=True) as tape:
            tape.watch([x, y])
            z = ops.sum(x)
        assert tape.gradient(z, y) is None
        assert tape.gradient(z, y, unconnected_gradients="zero").tolist() == [0, 0]

    def test_several_targets_and_output_gradients(self, backend: Backend) -> None:
        x = tensor(1, 2)
        with GradientTape(persistent=True) as tape:
            tape.watch(x)
            y, z = x * 3.0, x * x
        assert tape.gradient([y, z], x).tolist() == [5, 7]
        assert tape.gradient(y, x, output_gradients=tensor(1, 10)).tolist() == [3, 30]
        assert tape.gradient([y, z], x, output_gradients=[tensor(1, 0), np.array([0.0, 1.0])]).tolist() == [3, 4]

    def test_once_unless_persistent(self, backend: Backend) -> None:
        x = Variable(3.0)
        with GradientTape() as tape:
            y = x * x
        tape.gradient(y, x)
        with pytest.raises(RuntimeError, match="persistent=True"):
            tape.gradient(y, x)
        with GradientTape(persistent=True) as tape:
            y = x * x
        assert float(tape.gradient(y, x)) == float(tape.gradient(y, x)) == 6
        tape.reset()
        assert tape.gradient(y, x) is None

    def test_recording_stops_on_request(self, backend: Backend) -> None:
        x = Variable(3.0)
        with GradientTape() as tape:
            y = x * x
            with tape.stop_recording():
                y = y + 100.0 * x
            with no_grad():
                assert not is_recording()
                constant = x * 2.0
            y = x * constant
        z = x * 7.0
        assert not z.tracked
        assert float(tape.gradient(y, x)) == 6.0

    def test_two_tapes_record_the_same(self, backend: Backend) -> None:
        x = Variable(3.0)
        with GradientTape() as outer:
            with GradientTape() as inner:
                y = x * x
            assert float(inner.gradient(y, x)) == 6
            z = y * 2.0
        assert float(outer.gradient(z, x)) == 12

    def test_an_error_ends_the_recording(self, backend: Backend) -> None:
        with pytest.raises(ZeroDivisionError), GradientTape():
            1 / 0  # noqa: B018
        assert not is_recording()

    def test_other_threads_record_nothing_of_this_one(self, backend: Backend) -> None:
        x = Variable(3.0)
        seen: list[bool] = []
        with GradientTape() as tape:
            thread = threading.Thread(target=lambda: seen.append((x * x).tracked))
            thread.start()
            thread.join()
        assert seen == [False]
        assert tape.watched_variables() == ()


class TestEngine:
    def test_a_value_used_often_adds_up(self, backend: Backend) -> None:
        x = tensor(2)
        f = grad(lambda x: ops.sum(x * x + x * x * x + ops.exp(x) + x))
        assert float(f(x)[0]) == pytest.approx(4 + 12 + np.exp(2) + 1)

    def test_inputs_keep_their_own_dtype(self, backend: Backend) -> None:
        a, b = Variable([1.0, 2.0], dtype="float32"), Variable([3.0], dtype="float64")
        with GradientTape() as tape:
            y = ops.sum(a * b)
        ga, gb = tape.gradient(y, [a, b])
        assert (str(ga.dtype), str(gb.dtype)) == ("float32", "float64")
        assert (ga.shape, gb.shape) == ((2,), (1,))

    def test_integers_have_no_gradient(self, backend: Backend) -> None:
        v = Variable([1, 2], dtype="int32")
        assert v.trainable
        assert not v.tracked
        w = Variable([1.0, 2.0])
        with GradientTape() as tape:
            y = ops.sum(w * v)
        assert [g if g is None else g.tolist() for g in tape.gradient(y, [w, v])] == [[1, 2], None]

    def test_results_without_axes_are_arrays_of_the_device(self, backend: Backend) -> None:
        x = Variable(3.0)
        with GradientTape() as tape:
            y = ops.sqrt(x * x)
        assert type(y.data) is backend.array_type
        assert type(tape.gradient(y, x).data) is backend.array_type

    def test_gradients_of_what_shares_memory(self, backend: Backend) -> None:
        """x + y hands one array to both: changing one gradient must not be the engine's doing to the other."""
        x, y = Variable([1.0, 2.0]), Variable([3.0, 4.0])
        with recording() as tape:
            z = ops.sum((x + y) * x)
        buffers = {id(v): backend.xp.zeros((2,), dtype="float32") for v in (x, y)}
        backward(tape, z, None, buffers)
        assert backend.to_numpy(buffers[id(x)]).tolist() == [5, 8]
        assert backend.to_numpy(buffers[id(y)]).tolist() == [1, 2]

    def test_long_chains_need_no_stack(self, backend: Backend) -> None:
        x = tensor(1)

        def f(x: Any) -> Any:
            for _ in range(3000):
                x = x * 1.0
            return ops.sum(x)

        assert grad(f)(x).tolist() == [1]


class TestPrimitive:
    def test_an_op_of_ones_own(self, backend: Backend) -> None:
        @primitive
        def cube(xp, x, scale=1.0):  # type: ignore[no-untyped-def]
            """scale x^3"""
            return scale * x**3, lambda dy: 3 * scale * dy * x * x

        assert grad(cube)(2.0).tolist() == 12
        assert grad(lambda x: cube(x, scale=2.0))(2.0).tolist() == 24
        assert cube(tensor(1, 2), 2.0).tolist() == [2, 16]
        assert cube.__doc__ == "scale x^3"
        assert testing.check_grads(cube, np.array([1.0, -2.0]), scale=0.5) < 1e-6

    def test_which_parameters_are_tensors(self, backend: Backend) -> None:
        @primitive
        def typed(xp: Any, x: dualnet.core.tensor.Array, y: Array | None = None, axis: int = 0) -> Any:
            value = xp.sum(x if y is None else x * y, axis=axis)

            def backward(dy: Any) -> Any:
                dx = xp.broadcast_to(xp.expand_dims(dy, axis), x.shape)
                return (dx, None) if y is None else (dx * y, dx * x)

            return value, backward

        x, y = ops.ones((2, 3)), ops.ones((2, 3)) * 2.0
        assert typed(x).tolist() == [2, 2, 2]
        assert typed(x, y, 1).tolist() == [6, 6]
        assert typed(x, y=y, axis=1).tolist() == [6, 6]
        testing.check_grads(typed, np.random.rand(2, 3), np.random.rand(2, 3), axis=1)

        @primitive
        def scaled(xp, x, factor: float):  # type: ignore[no-untyped-def]
            assert isinstance(factor, float)
            return x * factor, lambda dy: dy * factor

        assert scaled(x, 3.0).shape == (2, 3)

        @primitive
        def total(xp, *xs):  # type: ignore[no-untyped-def]
            return sum(xs), lambda dy: tuple(dy for _ in xs)

        assert total(x, x, y).tolist() == [[4.0] * 3] * 2
        testing.check_grads(total, np.ones(2), np.ones(2))

    def test_the_backend_instead_of_its_module(self, backend: Backend) -> None:
        seen = []

        @primitive
        def named(backend, x):  # type: ignore[no-untyped-def]
            seen.append(backend.device)
            return x * 1, lambda dy: dy

        named(tensor(1))
        assert seen == [backend.device]

    def test_several_outputs(self, backend: Backend) -> None:
        @primitive
        def both(xp, x):  # type: ignore[no-untyped-def]
            return (xp.sin(x), xp.cos(x)), lambda dys: dys[0] * xp.cos(x) - dys[1] * xp.sin(x)

        assert testing.check_grads(both, np.array([0.3, 1.0])) < 1e-6
        assert testing.check_grads(lambda x: both(x)[1], np.array([0.3, 1.0])) < 1e-6

    def test_without_a_gradient(self, backend: Backend) -> None:
        @primitive
        def steps(xp, x):  # type: ignore[no-untyped-def]
            return xp.floor(x), None

        x = Variable([1.5])
        with GradientTape() as tape:
            y = ops.sum(steps(x)) + ops.sum(x)
        assert tape.gradient(y, x).tolist() == [1]


def test_an_op_of_the_user_may_write_its_gradient_in_place() -> None:
    """``backward(dy, out)`` needs no declaration in code of the user."""

    @dualnet.primitive
    def tripled(xp: Any, x: Any) -> Any:
        def backward(dy: Any, out: Any) -> Any:
            return xp.multiply(dy, 3, out=out[0])

        return x * 3, backward

    x = dualnet.ops.ones((2,))
    np.testing.assert_array_equal(dualnet.grad(lambda x: dualnet.ops.sum(tripled(x)))(x), [3, 3])
