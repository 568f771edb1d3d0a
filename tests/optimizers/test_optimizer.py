"""What all optimizers have in common: state, gradients, rates, averages, and what is refused."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from dualnet_backends import Backend

import dualnet
from dualnet import Optimizer, Variable, layers, ops, optimizers
from dualnet.optimizers import SGD, Adam, Lamb, RMSprop
from tests.backends import strict

from .trajectory_cases import VALUES, VARIANTS

GRADIENTS = [np.full(v.shape, 0.5, "float32") * (i + 1) for i, v in enumerate(VALUES.values())]
every_variant = pytest.mark.parametrize(
    ("name", "options"), [(n, o) for n, rows in VARIANTS.items() for o in rows], ids=lambda v: str(v)
)


def variables() -> list[Variable]:
    return [Variable(value, name=name) for name, value in VALUES.items()]


def values(tensors: list[Any]) -> list[Any]:
    return [v.numpy() for v in tensors]


def assert_same(got: list[Any], expected: list[Any]) -> None:
    assert len(got) == len(expected)
    for a, b in zip(got, expected):
        np.testing.assert_array_equal(a, b)


# -- devices -----------------------------------------------------------------------------------------------------------


@every_variant
@pytest.mark.parametrize("common", [{}, {"use_ema": True, "ema_overwrite_frequency": 2, "clipnorm": 0.7}], ids=str)
def test_the_same_bits_on_every_device_and_no_transfer(name: str, options: dict[str, Any], common: Any) -> None:
    results = {}
    for device in ("cpu", "strict:0"):
        with dualnet.device(device):
            weights = variables()
            optimizer = getattr(optimizers, name)(0.1, **{"weight_decay": 0.01, **options, **common})
            optimizer.build(weights)
            for step in range(4):
                for v, g in zip(weights, GRADIENTS):
                    v.grad[...] = ops.convert_to_tensor(g * (step - 1)).data  # type: ignore[index]
                with strict.step():
                    optimizer.apply_in_place(missing=weights[1:2] if step == 2 else ())
            optimizer.finalize_variable_values(weights)
            results[device] = values(weights) + values(optimizer.variables)
    assert_same(results["strict:0"], results["cpu"])


def test_accumulation_and_a_loss_scale_do_not_wait_for_the_device() -> None:
    with dualnet.device("strict:0"):
        weights = variables()
        optimizer = Adam(0.1, gradient_accumulation_steps=2, loss_scale_factor=8.0, global_clipnorm=1.0)
        optimizer.build(weights)
        with strict.step():
            for _ in range(4):
                optimizer.apply_in_place()
        assert (int(optimizer.iterations), optimizer.step_count()) == (2, 4)


# -- gradients ---------------------------------------------------------------------------------------------------------


def test_apply_gradients(backend: Backend) -> None:
    a, b = Variable(np.ones(3, "float32"), name="a"), Variable(np.zeros((2, 2), "float32"), name="b")
    optimizer = SGD(0.5)
    result = optimizer.apply_gradients(zip([ops.ones(3), np.ones((2, 2), "float32")], [a, b]))
    assert (int(result), int(optimizer.iterations)) == (1, 1)
    np.testing.assert_array_equal(a.numpy(), [0.5] * 3)
    np.testing.assert_array_equal(b.numpy(), [[-0.5] * 2] * 2)
    optimizer.apply([])
    assert int(optimizer.iterations) == 1


def test_a_variable_without_a_gradient_stays_with_its_state() -> None:
    a, b = variables()[:2]
    optimizer = SGD(0.5, momentum=0.9)
    optimizer.apply([GRADIENTS[0], GRADIENTS[1]], [a, b])
    before = [b.numpy(), optimizer.variables[3].numpy()]
    with pytest.warns(UserWarning, match="Gradients do not exist for variables bias"):
        optimizer.apply([GRADIENTS[0], None], [a, b])
    assert_same([b.numpy(), optimizer.variables[3].numpy()], before)
    optimizer.apply([GRADIENTS[0]], [a])  # the same, said otherwise
    assert_same([b.numpy(), optimizer.variables[3].numpy()], before)


REFUSED: dict[str, tuple[Any, str]] = {
    "no gradient at all": (lambda o, a, b: o.apply([None, None], [a, b]), "No gradients provided for any variable"),
    "too few": (lambda o, a, b: o.apply([GRADIENTS[0]], [a, b]), "got 1 gradients for 2 variables"),
    "another shape": (lambda o, a, b: o.apply([GRADIENTS[1], GRADIENTS[1]], [a, b]), "has shape .2,., the variable"),
    "a new variable": (
        lambda o, a, b: (o.apply(GRADIENTS[:1], [a]), o.apply(GRADIENTS[:2], [a, b])),
        "Unknown variable: 'bias'",
    ),
    "no variables": (lambda o, a, b: o.apply(GRADIENTS[:1]), "call build"),
    "state before build": (lambda o, a, b: o.set_weights([0, 0.1]), "You are calling `set_weights"),
    "exclusion too late": (lambda o, a, b: (o.build([a]), o.exclude_from_weight_decay([a])), "before the first update"),
    "a step of a stranger": (lambda o, a, b: (o.build([a]), o.update_step(GRADIENTS[1], b, 0.1)), "Unknown variable"),
    "stateless before build": (lambda o, a, b: o.stateless_apply([], [], []), "must be built"),
    "wrong state": (lambda o, a, b: (o.build([a]), o.set_weights([1])), "has 2 variables, got values for 1"),
    "averages without": (lambda o, a, b: (o.build([a]), o.swap_averages()), "keeps no averages"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    use, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        use(SGD(), *variables()[:2])


WRONG: dict[str, tuple[Any, str]] = {
    "unknown": (lambda: Adam(beta1=0.5), "Adam does not know the argument 'beta1'"),
    "two limits": (lambda: SGD(clipnorm=1.0, clipvalue=1.0), "Only one of `clipnorm`"),
    "a limit of 0": (lambda: SGD(clipnorm=0.0), "clipnorm must be positive"),
    "rate": (lambda: SGD(-0.1), "must not be negative"),
    "rate as text": (lambda: SGD("fast"), "must be a number, a LearningRateSchedule or a function"),
    "decay": (lambda: SGD(decay=-1.0), "decay must not be negative"),
    "momentum": (lambda: SGD(momentum=1.5), "between .0, 1."),
    "beta": (lambda: Adam(beta_2=1.0), "beta_2 must be from 0 to below 1"),
    "average": (lambda: SGD(use_ema=True, ema_momentum=1.5), "`ema_momentum` must be in the range"),
    "frequency": (lambda: SGD(use_ema=True, ema_overwrite_frequency=0), "an integer >= 1"),
    "accumulation": (lambda: SGD(gradient_accumulation_steps=1), "an integer >= 2"),
    "accumulator": (lambda: optimizers.Adagrad(initial_accumulator_value=-1.0), "must not be negative"),
    "ftrl": (lambda: optimizers.Ftrl(learning_rate_power=0.5), "negative or zero"),
    "schedule free": (lambda: optimizers.ScheduleFreeAdamW(beta_1=0.0), "divides by beta_1"),
    "ftrl at rate 0": (
        lambda: optimizers.Ftrl(0.0).apply(GRADIENTS[:1], variables()[:1]),
        "divides by the learning rate",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments(name: str) -> None:
    make, message = WRONG[name]
    with pytest.raises(ValueError, match=message):
        make()


# -- learning rates ----------------------------------------------------------------------------------------------------


def test_a_rate_that_is_set() -> None:
    optimizer = SGD(0.1)
    optimizer.learning_rate = 0.25
    assert (float(optimizer.learning_rate), len(optimizer.variables)) == (0.25, 2)
    optimizer.learning_rate.assign(0.5)
    (weight,) = variables()[:1]
    optimizer.apply([np.ones((3, 2), "float32")], [weight])
    np.testing.assert_allclose(weight.numpy(), VALUES["kernel"] - 0.5, rtol=1e-6)
    optimizer.learning_rate = lambda: 0.0
    assert (float(optimizer.learning_rate), len(optimizer.variables)) == (0.0, 1)


def test_a_rate_that_cannot_be_set() -> None:
    for rate, description in (
        (optimizers.schedules.CosineDecay(0.1, 5), "`LearningRateSchedule`"),
        (lambda: 0.1, "function"),
    ):
        with pytest.raises(TypeError, match=f"was created with a {description}"):
            SGD(rate).learning_rate = 0.5


def test_a_variable_as_rate_is_the_callers_own() -> None:
    rate = Variable(0.5, name="mine")
    optimizer = SGD(rate)
    assert optimizer.learning_rate is rate
    rate.assign(0.125)
    (weight,) = variables()[:1]
    optimizer.apply([np.ones((3, 2), "float32")], [weight])
    np.testing.assert_allclose(weight.numpy(), VALUES["kernel"] - 0.125, rtol=1e-6)


# -- state -------------------------------------------------------------------------------------------------------------


def test_build_again() -> None:
    first, second = variables()[:2]
    optimizer = SGD(0.1, momentum=0.9)
    optimizer.apply([GRADIENTS[0]], [first])
    optimizer.build([first])
    assert float(abs(optimizer.variables[2].numpy()).sum()) > 0
    optimizer.build([second])
    assert [v.shape for v in optimizer.variables] == [(), (), (2,)]
    assert float(abs(optimizer.variables[2].numpy()).sum()) == 0


def test_state_goes_to_another_optimizer() -> None:
    first, second = variables(), variables()
    one, two = RMSprop(0.1, momentum=0.5), RMSprop(0.9, momentum=0.5)
    one.apply(GRADIENTS, first)
    two.build(second)
    two.set_weights(one.get_weights())
    for a, b in zip(second, first):
        a.assign(b)
    for optimizer, weights in ((one, first), (two, second)):
        optimizer.apply(GRADIENTS, weights)
    assert_same(values(second), values(first))
    assert_same(two.get_weights(), values(one.weights))


@every_variant
def test_pickled(name: str, options: dict[str, Any]) -> None:
    cls = getattr(optimizers, name)
    first, second = variables(), variables()
    one = cls(0.1, **options)
    assert pickle.loads(pickle.dumps(one)).get_config() == one.get_config()
    one.apply(GRADIENTS, first)
    two = pickle.loads(pickle.dumps(one))
    for a, b in zip(second, first):
        a.assign(b)
    for optimizer, weights in ((one, first), (two, second)):
        optimizer.apply(GRADIENTS, weights)
    assert_same(values(second), values(first))
    assert_same(values(two.variables), values(one.variables))


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["deepcopy", "pickle"])
def test_a_copied_model_trains_by_itself(clone: Any) -> None:
    model = dualnet.Sequential([dualnet.Input((3,)), layers.Dense(2)])
    model.compile("adam", "mse")
    x, y = np.ones((8, 3), "float32"), np.ones((8, 2), "float32")
    model.fit(x, y, verbose=0)
    other = clone(model)
    before = model.get_weights()
    other.fit(x, y, verbose=0)
    assert_same(model.get_weights(), before)
    model.fit(x, y, verbose=0)
    assert_same(other.get_weights(), model.get_weights())
    assert abs(other.get_weights()[0] - before[0]).max() > 1e-4


# -- averages ----------------------------------------------------------------------------------------------------------


def test_fit_ends_with_the_averages_in_the_model() -> None:
    model = dualnet.Sequential([dualnet.Input((3,)), layers.Dense(2)])
    model.compile(SGD(0.1, use_ema=True, ema_momentum=0.5), "mse")
    seen = [np.asarray(model.get_weights()[0])]
    watch = dualnet.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(model.get_weights()[0]))
    x, y = np.ones((12, 3), "float32"), np.ones((12, 2), "float32")
    model.fit(x, y, batch_size=4, verbose=0, callbacks=[watch])
    average = seen[1]
    for weights in seen[2:]:
        average = 0.5 * average + 0.5 * weights
    np.testing.assert_allclose(model.get_weights()[0], average, rtol=1e-6)
    assert abs(average - seen[-1]).max() > 1e-3
    model.optimizer.swap_averages()
    np.testing.assert_allclose(model.optimizer.variables[2].numpy(), average, rtol=1e-6)


def test_swapped_averages_stay_in_the_model_at_the_end() -> None:
    weights = variables()
    optimizer = Adam(0.1, use_ema=True)
    optimizer.apply(GRADIENTS, weights)
    optimizer.apply(GRADIENTS, weights)
    before, averages = values(weights), values(optimizer.variables[2:5])
    optimizer.swap_averages()
    assert_same(values(weights), averages)
    assert_same(values(optimizer.variables[2:5]), before)
    optimizer.finalize_variable_values(weights)
    assert_same(values(weights), averages)
    assert_same(values(optimizer.variables[2:5]), averages)
    assert not optimizer.averages_are_in_weights


def test_nothing_is_put_into_weights_before_the_first_step() -> None:
    weights = variables()
    optimizer = SGD(use_ema=True)
    optimizer.build(weights)
    optimizer.finalize_variable_values(weights)
    assert_same(values(weights), list(VALUES.values()))


# -- one variable at a time --------------------------------------------------------------------------------------------


class Momentum(Optimizer):
    """As users write it for Keras."""

    def __init__(self, learning_rate: float = 0.01, momentum: float = 0.9, **kwargs: Any) -> None:
        super().__init__(learning_rate, **kwargs)
        self.momentum = momentum

    def build(self, variables: Any) -> None:
        if self.built:
            return
        super().build(variables)
        self.momentums = self.add_optimizer_variables(variables, "momentum")

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        m = self.momentums[self._get_variable_index(variable)]
        self.assign(m, ops.subtract(m * self.momentum, ops.multiply(gradient, ops.cast(learning_rate, variable.dtype))))
        self.assign_add(variable, m)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum}


@pytest.mark.parametrize("options", [{}, {"use_ema": True, "clipnorm": 0.3, "weight_decay": 0.1}], ids=str)
def test_an_optimizer_of_the_user(backend: Backend, options: dict[str, Any]) -> None:
    custom_weights, sgd_weights = variables(), variables()
    custom, built_in = Momentum(0.1, **options), SGD(0.1, momentum=0.9, **options)
    for _ in range(3):
        custom.apply(GRADIENTS, custom_weights)
        built_in.apply(GRADIENTS, sgd_weights)
    for a, b in zip(
        values(custom_weights) + values(custom.variables), values(sgd_weights) + values(built_in.variables)
    ):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)
    assert custom.variables[-1].path == "stack_momentum"
    assert Momentum.from_config(custom.get_config()).get_config() == custom.get_config()


def test_an_optimizer_of_the_user_in_a_model() -> None:
    x, y = np.ones((8, 3), "float32"), np.ones((8, 2), "float32")
    results = []
    for optimizer in (Momentum(0.1), SGD(0.1, momentum=0.9)):
        dualnet.utils.set_random_seed(3)
        model = dualnet.Sequential([dualnet.Input((3,)), layers.Dense(2)])
        model.compile(optimizer, "mse")
        model.fit(x, y, batch_size=2, verbose=0)
        results.append(model.get_weights())
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-6)


@pytest.mark.parametrize("cls", [SGD, Adam, Lamb, optimizers.Muon, optimizers.Adafactor])
def test_a_single_update_step(cls: Any) -> None:
    whole, one = variables(), variables()
    first, second = cls(0.1, weight_decay=0.0), cls(0.1, weight_decay=0.0)
    if cls is optimizers.Muon:
        first.adam_weight_decay = second.adam_weight_decay = 0.0
    first.apply(GRADIENTS, whole)
    second.build(one)
    for v, g in zip(one, GRADIENTS):
        second.update_step(g, v, float(second.learning_rate))
    assert_same(values(one), values(whole))


def test_what_is_not_defined() -> None:
    with pytest.raises(NotImplementedError, match="Optimizer must define update_rule, update or update_step"):
        Optimizer(0.1).apply(GRADIENTS, variables())


def test_variables_that_their_gradients_replace() -> None:
    """As the scales of 8-bit layers are."""
    for steps, expected in ((None, GRADIENTS[0]), (2, 2 * GRADIENTS[0])):
        replaced, usual = variables()[:2]
        replaced.overwrite_with_gradient = True
        optimizer = SGD(1.0, momentum=0.9, use_ema=True, gradient_accumulation_steps=steps)
        optimizer.apply([2 * GRADIENTS[0], GRADIENTS[1]], [replaced, usual])
        optimizer.apply([GRADIENTS[0], GRADIENTS[1]], [replaced, usual])
        np.testing.assert_array_equal(replaced.numpy(), expected)  # the last one, or the largest of those gathered
        state = [v for v in optimizer.variables[2:] if v.shape == replaced.shape]
        assert len(state) == (0 if steps is None else 1)


# -- arguments that are changed later --------------------------------------------------------------------------------


def train(optimizer: Any, weights: list[Variable], steps: int) -> list[Any]:
    for _ in range(steps):
        optimizer.apply(GRADIENTS, weights)
    return values(weights)


CHANGES: list[tuple[Any, dict[str, Any], dict[str, Any]]] = [
    (SGD, {}, {"momentum": 0.9}),
    (SGD, {"momentum": 0.9}, {"momentum": 0.0}),
    (SGD, {}, {"nesterov": True, "momentum": 0.5}),
    (SGD, {}, {"weight_decay": 0.1, "clipnorm": 0.1}),
    (RMSprop, {"rho": 0.0}, {"momentum": 0.9}),
    (RMSprop, {"rho": 0.0, "momentum": 0.1}, {"centered": True, "momentum": 0.0}),
]


@pytest.mark.parametrize(("cls", "before", "after"), CHANGES)
def test_arguments_may_be_changed_after_updates(cls: Any, before: Any, after: Any) -> None:
    """The updates that follow are those of an optimizer made with them (what it remembers of gradients is 0 or forgotten)."""
    weights = variables()
    changed = cls(0.1, **before)
    train(changed, weights, 3)
    for name, value in after.items():
        setattr(changed, name, value)
    expected = [Variable(v.numpy()) for v in weights]
    assert_same(train(changed, weights, 3), train(cls(0.1, **{**before, **after}), expected, 3))


def test_slots_that_stay_keep_their_values() -> None:
    weights = variables()
    optimizer = Adam(0.1)
    train(optimizer, weights, 2)
    before = values(optimizer.variables)
    optimizer.amsgrad = True
    assert len(optimizer.variables) == len(before) + len(weights)
    assert_same(values(optimizer.variables)[: len(before)], before)
    train(optimizer, weights, 1)
    assert np.abs(optimizer.variables[-1].numpy()).max() > 0
    optimizer.amsgrad = False
    assert len(optimizer.variables) == len(before)
    assert len(Adam.from_config(optimizer.get_config()).get_config()) == len(optimizer.get_config())


def test_a_model_goes_on_with_a_changed_optimizer() -> None:
    """Also where steps are captured."""
    x, y = np.random.default_rng(0).normal(size=(2, 32, 1)).astype("float32")
    results = []
    for change_by in (True, False):
        dualnet.utils.set_random_seed(0)
        model = dualnet.Sequential([dualnet.Input((1,)), layers.Dense(1)])
        model.compile(SGD(0.1), "mse")
        model.fit(x, y, batch_size=4, shuffle=False, verbose=0)
        if change_by:
            model.optimizer.momentum = 0.9
        else:
            model.compile(SGD(0.1, momentum=0.9), "mse")
        model.fit(x, y, batch_size=4, shuffle=False, verbose=0)
        results.append(model.get_weights())
    assert_same(*results)


@pytest.mark.parametrize(
    ("cls", "name", "value"),
    [
        (SGD, "use_ema", True),
        (Adam, "gradient_accumulation_steps", 2),
        (optimizers.Adagrad, "initial_accumulator_value", 0.5),
        (optimizers.Ftrl, "initial_accumulator_value", 0.5),
        (optimizers.Muon, "exclude_layers", ["a"]),
    ],
)
def test_arguments_that_came_too_late(cls: Any, name: str, value: Any) -> None:
    optimizer = cls(0.1)
    setattr(optimizer, name, value)  # before it is built
    optimizer = cls(0.1)
    train(optimizer, variables(), 1)
    setattr(optimizer, name, getattr(optimizer, name))  # no change
    with pytest.raises(ValueError, match=f"{name} was .* cannot be changed to .*: make a new optimizer"):
        setattr(optimizer, name, value)


def test_a_second_limit_of_the_gradients() -> None:
    optimizer = SGD(0.1, clipnorm=1.0)
    train(optimizer, variables(), 1)
    with pytest.raises(ValueError, match="Only one of"):
        optimizer.clipvalue = 1.0
