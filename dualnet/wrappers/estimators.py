"""Estimators of scikit-learn around a model; their input is validated by scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from ..models import Model, clone_model


class _Estimator(BaseEstimator):  # type: ignore[misc]
    """The common part of the three estimators.

    model: a compiled ``Model``, which ``fit`` clones with new weights; or a function that receives the X and y of ``fit``
    and ``model_kwargs`` as keyword arguments, and returns a compiled model. warm_start: fit the passed model itself, and
    continue with its weights in the next ``fit``. model_kwargs: for the function. fit_kwargs: for ``Model.fit``; the
    keyword arguments of ``fit`` take precedence.

    Attributes: ``model_``, the fitted model; ``history_``, the history of ``Model.fit``, a dictionary of lists.
    """

    _numeric_target = True

    def __init__(self, model: Any, warm_start: bool = False, model_kwargs: Any = None, fit_kwargs: Any = None) -> None:
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **kwargs: Any) -> Any:
        """Fit a model.  X: (n, features)  y: (n,) or (n, outputs)  sample_weight: (n,)  kwargs: of ``Model.fit``"""
        X, y = validate_data(self, X, y, multi_output=True, y_numeric=self._numeric_target)
        target = self._encode_target(y)
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
            model = self.model if self.warm_start else clone_model(self.model)
        elif callable(self.model):
            model = self.model(X=X, y=target, **(self.model_kwargs or {}))
        else:
            model = self.model
        if not isinstance(model, Model):
            raise TypeError(f"model must be a Model, or a function that returns one, got {type(model).__name__}")
        if not model.compiled:
            raise RuntimeError(
                f"model {model.name!r} must be compiled: call compile(optimizer=..., loss=...) on it first"
            )
        return model

    def _predict_outputs(self, X: Any) -> Any:
        check_is_fitted(self, "model_")
        X = validate_data(self, X, reset=False)
        return self.model_.predict(X, verbose=0)

    def _encode_target(self, y: Any) -> Any:
        """The target in the encoding of the model."""
        self._target_ndim = y.ndim
        return y

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.non_deterministic = True  # every fit draws new weights, unless a seed is set
        return tags


class SKLearnClassifier(ClassifierMixin, _Estimator):  # type: ignore[misc]
    __doc__ = f"""A classifier of scikit-learn around a model. The model is fitted on one-hot targets.

    {str(_Estimator.__doc__).partition(chr(10))[2].strip()} ``classes_``: the labels, sorted.
    """

    _numeric_target = False

    def _encode_target(self, y: Any) -> Any:
        check_classification_targets(y)
        target_type = type_of_target(y, raise_unknown=True)
        if target_type not in ("binary", "multiclass"):
            raise ValueError(
                f"Only binary and multiclass targets are supported. Received a target of type {target_type!r}"
            )
        self._target_ndim = y.ndim
        if y.ndim > 1:
            y = y[:, 0]
        self.classes_, class_indices = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"Classifier can't train when only one class is present. Received: the class {self.classes_[0]!r}"
            )
        return np.eye(len(self.classes_), dtype="float32")[class_indices]

    def predict(self, X: Any) -> Any:
        """The class of each sample.  X: (n, features) -> (n,)"""
        class_indices = self._predict_outputs(X).argmax(axis=-1)
        labels = self.classes_[class_indices]
        return labels[:, None] if self._target_ndim > 1 else labels

    def decision_function(self, X: Any) -> Any:
        """The outputs of the model.  X: (n, features) -> (n, classes)"""
        return self._predict_outputs(X)


class SKLearnRegressor(RegressorMixin, _Estimator):  # type: ignore[misc]
    __doc__ = f"""A regressor of scikit-learn around a model.

    {str(_Estimator.__doc__).partition(chr(10))[2].strip()}
    """

    def predict(self, X: Any) -> Any:
        """The prediction for each sample.  X: (n, features) -> (n,) or (n, outputs), like the target of ``fit``"""
        outputs = self._predict_outputs(X)
        return outputs[:, 0] if self._target_ndim == 1 and outputs.ndim == 2 and outputs.shape[1] == 1 else outputs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        return tags


class SKLearnTransformer(TransformerMixin, _Estimator):  # type: ignore[misc]
    __doc__ = f"""A transformer of scikit-learn around a model, whose outputs are the result.

    {str(_Estimator.__doc__).partition(chr(10))[2].strip()}
    """

    def transform(self, X: Any) -> Any:
        """The outputs of the model.  X: (n, features) -> (n, outputs)"""
        return self._predict_outputs(X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = []
        return tags
