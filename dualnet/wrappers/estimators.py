"""Estimators of scikit-learn around a model: what they are fitted on goes through scikit-learn's own checks."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from ..models import Model, clone_model


class _Estimator(BaseEstimator):  # type: ignore[misc]
    """What the three have in common.

    model: a compiled ``Model``, which is cloned before it is fitted, with fresh weights; or a function that gets X and y, as
    they are given to ``fit``, as keywords, besides ``model_kwargs``, and returns a compiled model. warm_start: fit the given
    model itself, and go on with its weights in the next ``fit``. model_kwargs: for the function. fit_kwargs: for
    ``Model.fit``; what ``fit`` is given goes before it.

    Attributes: ``model_``, the fitted model; ``history_``, what ``Model.fit`` returned, as a dictionary of lists.
    """

    def __init__(self, model: Any, warm_start: bool = False, model_kwargs: Any = None, fit_kwargs: Any = None) -> None:
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **kwargs: Any) -> Any:
        """Fit a model.  X: (n, features)  y: (n,) or (n, outputs)  sample_weight: (n,)  kwargs: of ``Model.fit``"""
        X, y = validate_data(self, X, y, multi_output=True, y_numeric=self._numeric_target())
        target = self._encoded(y)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        model = self._model_for(X, target)
        arguments = {**(self.fit_kwargs or {}), **kwargs}
        self.history_ = model.fit(X, target, sample_weight=sample_weight, **arguments).history
        self.model_ = model
        return self

    def _model_for(self, X: Any, target: Any) -> Any:
        if self.warm_start and hasattr(self, "model_"):
            return self.model_
        if isinstance(self.model, Model):
            made = self.model if self.warm_start else _fresh(self.model)
        elif callable(self.model):
            made = self.model(X=X, y=target, **(self.model_kwargs or {}))
        else:
            made = self.model
        if not isinstance(made, Model):
            raise TypeError(f"model must be a Model, or a function that returns one, got {type(made).__name__}")
        if not made.compiled:
            raise RuntimeError(
                f"model {made.name!r} must be compiled: call compile(optimizer=..., loss=...) on it first"
            )
        return made

    def _raw(self, X: Any) -> Any:
        check_is_fitted(self, "model_")
        X = validate_data(self, X, reset=False)
        return self.model_.predict(X, verbose=0)

    def _numeric_target(self) -> bool:
        return True

    def _encoded(self, y: Any) -> Any:
        """The target as the model is fitted on it."""
        self._target_ndim = y.ndim
        return y

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = True  # weights are drawn anew in every fit, unless a seed is set
        return tags


class SKLearnClassifier(ClassifierMixin, _Estimator):  # type: ignore[misc]
    __doc__ = f"""A classifier of scikit-learn around a model. The model gets the classes one hot, as many columns as classes.

    {str(_Estimator.__doc__).partition(chr(10))[2].strip()} ``classes_``: the labels, sorted.
    """

    def _numeric_target(self) -> bool:
        return False

    def _encoded(self, y: Any) -> Any:
        check_classification_targets(y)
        kind = type_of_target(y, raise_unknown=True)
        if kind not in ("binary", "multiclass"):
            raise ValueError(f"Only binary and multiclass targets are supported. Received a target of kind {kind!r}")
        self._target_ndim = y.ndim
        if y.ndim > 1:
            y = y[:, 0]
        self.classes_, places = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"Classifier can't train when only one class is present. Received: the class {self.classes_[0]!r}"
            )
        return np.eye(len(self.classes_), dtype="float32")[places]

    def predict(self, X: Any) -> Any:
        """The class of each sample.  X: (n, features) -> (n,)"""
        places = self._raw(X).argmax(axis=-1)
        labels = self.classes_[places]
        return labels[:, None] if self._target_ndim > 1 else labels

    def decision_function(self, X: Any) -> Any:
        """The outputs of the model.  X: (n, features) -> (n, classes)"""
        return self._raw(X)


class SKLearnRegressor(RegressorMixin, _Estimator):  # type: ignore[misc]
    __doc__ = f"""A regressor of scikit-learn around a model.

    {str(_Estimator.__doc__).partition(chr(10))[2].strip()}
    """

    def predict(self, X: Any) -> Any:
        """The prediction for each sample.  X: (n, features) -> (n,) or (n, outputs), as the target of ``fit`` was"""
        raw = self._raw(X)
        return raw[:, 0] if self._target_ndim == 1 and raw.ndim == 2 and raw.shape[1] == 1 else raw

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        return tags


class SKLearnTransformer(TransformerMixin, _Estimator):  # type: ignore[misc]
    __doc__ = f"""A transformer of scikit-learn (in its sense of the word) around a model: what the model gives is the result.

    {str(_Estimator.__doc__).partition(chr(10))[2].strip()}
    """

    def transform(self, X: Any) -> Any:
        """The outputs of the model.  X: (n, features) -> (n, outputs)"""
        return self._raw(X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = []
        return tags


def _fresh(model: Any) -> Any:
    """A model like another one, with weights of its own, compiled as that is."""
    made = clone_model(model)
    if model.compiled and not made.compiled:
        made.compile_from_config(copy.deepcopy(model.get_compile_config()))
    return made
