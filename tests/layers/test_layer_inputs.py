"""The inputs of a layer: several of them, their shapes and masks, input specs, and arguments passed on to inner layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dualnet
from dualnet import Layer, layers, ops
from dualnet.layers import InputSpec

X, Z = np.ones((4, 3), "float32"), np.ones((4, 2), "float32")
MASK = np.array([True, False, True, True])


def masked(x: Any, mask: Any) -> Any:
    tensor = ops.convert_to_tensor(x)
    tensor._keras_mask = ops.convert_to_tensor(mask)
    return tensor


class Pair(Layer):
    def build(self, value_shape: Any, query_shape: Any) -> None:
        self.shapes = (query_shape, value_shape)
        self.w = self.add_weight((query_shape[-1], value_shape[-1]))

    def call(self, query: Any, value: Any = None) -> Any:
        return ops.matmul(query, self.w) + value


def test_build_gets_shapes_by_the_names_of_the_arguments(tmp_path: Any) -> None:
    layer = Pair()
    assert layer(X, value=Z).shape == (4, 2)
    assert layer.shapes == ((4, 3), (4, 2))
    assert layer.get_build_config() == {"shapes_dict": {"value_shape": (4, 2), "query_shape": (4, 3)}}
    again = Pair()
    again.build_from_config(layer.get_build_config())
    assert (again.built, again.shapes, again.path) == (True, layer.shapes, again.name)
    built = Pair()
    built.build(query_shape=(None, 3), value_shape=(None, 2))
    assert built.shapes == ((None, 3), (None, 2))


def test_build_with_other_names_is_refused() -> None:
    class NoSuffix(Layer):
        def build(self, x_shape: Any, y: Any) -> None: ...

        def call(self, x: Any, y: Any) -> Any:
            return x

    class NoArgument(Layer):
        def build(self, x_shape: Any, z_shape: Any) -> None: ...

        def call(self, x: Any, y: Any) -> Any:
            return x

    with pytest.raises(ValueError, match="argument `y`, which does not end in `_shape`"):
        NoSuffix()(X, X)
    with pytest.raises(ValueError, match=r"`z_shape`, but `call\(\)` does not have argument `z`"):
        NoArgument()(X, X)


def test_every_input_brings_its_mask() -> None:
    seen: dict[str, Any] = {}

    class Two(Layer):
        supports_masking = True

        def call(self, a: Any, b: Any, a_mask: Any = None, b_mask: Any = None) -> Any:
            seen.update(a=a_mask, b=b_mask)
            return a

    a, b = masked(X, MASK), masked(Z, ~MASK)
    for call in (lambda: Two()(a, b), lambda: Two()(a=a, b=b), lambda: Two()((a, a), b)):
        seen.clear()
        call()
        first = seen["a"][1] if isinstance(seen["a"], tuple) else seen["a"]
        np.testing.assert_array_equal(first.numpy(), MASK)
        np.testing.assert_array_equal(seen["b"].numpy(), ~MASK)
    np.testing.assert_array_equal(Two()(a, b)._keras_mask.numpy(), MASK)
    own = ops.convert_to_tensor(MASK | True)
    Two()(a, b, b_mask=own)
    assert seen["b"].numpy().all()


def test_a_mask_made_by_the_layer_and_one_given_by_hand() -> None:
    class Makes(Layer):
        supports_masking = True

        def call(self, x: Any, mask: Any = None) -> Any:
            x._keras_mask = None  # what the call does to its input does not matter
            return x * 1

        def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
            return ops.greater(inputs[:, 0], 5) if previous_mask is None else ops.logical_not(previous_mask)

    assert not Makes()(X)._keras_mask.numpy().any()
    np.testing.assert_array_equal(Makes()(masked(X, MASK))._keras_mask.numpy(), ~MASK)
    np.testing.assert_array_equal(Makes()(X, mask=ops.convert_to_tensor(MASK))._keras_mask.numpy(), ~MASK)


SPECS: list[tuple[Any, Any, str | None]] = [
    (InputSpec(ndim=2), X, None),
    (InputSpec(ndim=3), X, "expected ndim=3, found ndim=2"),
    (InputSpec(max_ndim=1), X, "expected max_ndim=1, found ndim=2"),
    (InputSpec(min_ndim=3), X, "expected min_ndim=3, found ndim=2"),
    (InputSpec(axes={-1: 3}), X, None),
    (InputSpec(axes={-1: 4}), X, "expected axis -1 of input shape to have value 4"),
    (InputSpec(shape=(None, 3)), X, None),
    (InputSpec(shape=(None, 4)), X, r"expected shape=\(None, 4\), found shape=\(4, 3\)"),
    (InputSpec(dtype="int32"), X, "expected dtype=int32, found dtype=float32"),
    (InputSpec(shape=(None, 3, 1), allow_last_axis_squeeze=True), X, None),
    ([InputSpec(ndim=2), InputSpec(ndim=2)], X, r"expects 2 input\(s\), but it received 1"),
    ([InputSpec(ndim=2), InputSpec(ndim=2, optional=True)], [X, None], None),
]


@pytest.mark.parametrize(("spec", "x", "message"), SPECS, ids=str)
def test_what_a_layer_expects(spec: Any, x: Any, message: str | None, keras: Any) -> None:
    def checked(library: Any) -> None:
        own = [library.layers.InputSpec(**{**s.get_config(), "allow_last_axis_squeeze": s.allow_last_axis_squeeze})
               for s in dualnet.tree.flatten(spec)]  # fmt: skip

        class Checked(library.layers.Layer):  # type: ignore[misc, name-defined]
            def __init__(self) -> None:
                super().__init__()
                self.input_spec = own if isinstance(spec, list) else own[0]

            def call(self, x: Any) -> Any:
                return x[0] if isinstance(x, (list, tuple)) else x

        Checked()(x)
        if not isinstance(x, list):
            Checked()(library.Input(shape=x.shape[1:], batch_size=x.shape[0]))

    for library in (dualnet, keras):
        if message is None:
            checked(library)
        else:
            with pytest.raises(ValueError, match=message):
                checked(library)


def test_spec_of_an_axis_it_does_not_have() -> None:
    with pytest.raises(ValueError, match="Axis 5 is greater than the maximum allowed value: 1"):
        InputSpec(ndim=2, axes={5: 1})
    assert repr(InputSpec(ndim=2, axes={-1: 3})) == "InputSpec(ndim=2, axes={-1: 3})"
    assert InputSpec.from_config(InputSpec(min_ndim=2).get_config()).min_ndim == 2


def test_arguments_reach_the_layers_inside_that_registered_them() -> None:
    class Inner(Layer):
        def __init__(self, registered: bool = True) -> None:
            super().__init__()
            if registered:
                self._register_call_context_args("loud")

        def call(self, x: Any, loud: bool | None = None) -> Any:
            return x + (1 if loud else 0)

    class Outer(Layer):
        def __init__(self, inner: Any) -> None:
            super().__init__()
            self.inner = inner

        def call(self, x: Any) -> Any:
            return self.inner(x)

    outer = Outer(Outer(Inner()))
    outer._register_call_context_args("loud")
    assert [float(outer(X, loud=loud)[0, 0]) for loud in (True, False, None)] == [2, 1, 1]
    assert float(outer(X)[0, 0]) == 1  # nothing is left of the calls before
    silent = Outer(Inner(registered=False))
    silent._register_call_context_args("loud")
    assert float(silent(X, loud=True)[0, 0]) == 1
    with pytest.raises(RuntimeError, match="after the layer has been called"):
        outer._register_call_context_args("other")


def test_only_tensors_by_position() -> None:
    class Option(Layer):
        def call(self, x: Any, twice: bool = False) -> Any:
            return 2 * x if twice else x

    with pytest.raises(ValueError, match="Only input tensors may be passed as positional arguments.*twice=True"):
        Option()(X, True)
    assert float(Option()(X, twice=True)[0, 0]) == 2


def test_layers_metrics_and_weights_that_were_set_before_init() -> None:
    class Early(Layer):
        def __init__(self) -> None:
            self.w = dualnet.Variable(np.ones(2, "float32"))
            super().__init__()
            self.inner = [layers.Dense(2), {"b": layers.Dense(3)}]
            self.metric = dualnet.metrics.Mean()

    layer = Early()
    assert len(layer.weights) == 1
    assert layer._layers == [layer.inner[0], layer.inner[1]["b"]]
    assert layer._flatten_layers() == [layer, *layer._layers]
    assert layer._flatten_layers(include_self=False, recursive=False) == layer._layers
    assert layer.metrics == [layer.metric]
    assert len(layer.metrics_variables) == 2


def test_weights_after_the_build() -> None:
    layer = layers.Dense(2)
    layer.build((None, 3))
    with pytest.raises(ValueError, match="cannot add new elements of state"):
        layer.add_weight((2,))
    layer._tracker.unlock()
    extra = layer.add_weight((2,), name="extra")
    layer._tracker.lock()
    assert layer.weights[-1] is extra
    layer._untrack_variable(extra)
    assert len(layer.weights) == 2


def test_output_spec_without_a_call() -> None:
    class Shapes(Layer):
        def call(self, x: Any) -> Any:
            raise RuntimeError("not called")

        def compute_output_shape(self, input_shape: Any) -> Any:
            return {"a": input_shape, "b": [input_shape, (input_shape[0], 7)]}

    spec = Shapes(dtype="mixed_float16").compute_output_spec(dualnet.KerasTensor((2, 3)))
    assert dualnet.tree.map_structure(lambda y: (y.shape, y.dtype), spec) == {
        "a": ((2, 3), "float16"),
        "b": [((2, 3), "float16"), ((2, 7), "float16")],
    }
    with pytest.raises(NotImplementedError, match="`compute_output_shape` method"):
        Layer().compute_output_shape((2, 3))
