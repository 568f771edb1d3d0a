"""``fit`` in the ways in which it is used, as Keras does it; and where the data comes to an end."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import dualnet
from tests import parity

from . import usage_cases
from .usage_cases import LABELS, ONE_HOT, X, batches, fit, net

FROZEN = parity.frozen(usage_cases.__file__)
every_case = pytest.mark.parametrize("name", usage_cases.CASES)


@every_case
def test_as_keras_did(name: str) -> None:
    parity.assert_close(parity.run(usage_cases.CASES[name], dualnet), FROZEN[name], rtol=2e-5, atol=1e-6)


@every_case
def test_keras_still_does(name: str, keras: Any) -> None:
    parity.assert_close(parity.run(usage_cases.CASES[name], keras), FROZEN[name], rtol=2e-5, atol=1e-6)


def test_validation_data_that_ends_does_not_end_the_training() -> None:
    model = net(dualnet)
    with pytest.warns(UserWarning, match="no validation from this epoch on"):
        history = fit(model, X, LABELS, epochs=3, validation_data=batches(2))
    assert history["epochs"] == [0, 1, 2]
    assert len(history["loss"]) == 3
    assert len(history["val_loss"]) == 1
    first = fit(net(dualnet), X, LABELS, validation_data=batches(2))
    assert first["val_loss"] == history["val_loss"], "looking whether there is a batch takes none away"


def test_a_generator_that_ends_ends_the_training() -> None:
    with pytest.warns(UserWarning, match="ran out of data"):
        history = fit(net(dualnet), batches(5), batch_size=None, shuffle=True, steps_per_epoch=3, epochs=4)
    assert history["epochs"] == [0, 1], "the second epoch is shorter, a third would have nothing"


def test_names_of_metrics_in_compile() -> None:
    model = net(dualnet, loss="categorical_crossentropy", metrics=["f1", "kappa", "roc_auc", dualnet.metrics.F1Score()])
    model.fit(X, ONE_HOT, verbose=0)
    results = model.evaluate(X, ONE_HOT, verbose=0, return_dict=True)
    assert list(results) == ["f1", "f1_score", "kappa", "loss", "roc_auc"]
    np.testing.assert_allclose(np.mean(results["f1_score"]), results["f1"], rtol=1e-6)
    assert np.shape(results["f1_score"]) == (3,)
    assert all(np.isscalar(results[name]) for name in ("f1", "kappa", "roc_auc"))


def test_a_metric_with_an_axis_in_the_progress_bar(capsys: pytest.CaptureFixture[str]) -> None:
    model = net(dualnet, loss="categorical_crossentropy", metrics=[dualnet.metrics.F1Score()])
    model.fit(X, ONE_HOT, verbose=2, shuffle=False)
    shown = float(capsys.readouterr().out.split("f1_score: ")[1].split()[0])
    np.testing.assert_allclose(shown, np.mean(model.history.history["f1_score"][0]), atol=5e-5)


def test_callbacks_can_stop_evaluate_and_predict() -> None:
    class Stop(dualnet.callbacks.Callback):
        def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.stop_evaluating = batch == 1

        def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.stop_predicting = batch == 1

    model = net(dualnet)
    assert len(model.predict(X, batch_size=4, verbose=0, callbacks=[Stop()])) == 8
    stopped = model.evaluate(X, LABELS, batch_size=4, verbose=0, callbacks=[Stop()])
    np.testing.assert_allclose(stopped, model.evaluate(X[:8], LABELS[:8], verbose=0), rtol=1e-6)
    assert len(model.predict(X, batch_size=4, verbose=0)) == len(X)


def test_training_without_a_loss_is_refused() -> None:
    model = net(dualnet)
    model.compile("sgd")
    with pytest.raises(ValueError, match="nothing to minimise"):
        model.fit(X, LABELS, verbose=0)
