"""Layers and models that are abstract base classes too."""

from __future__ import annotations

import abc
from typing import Any, Generic, TypeVar

import pytest

import dualnet
from dualnet import layers, ops

T = TypeVar("T")


class Block(layers.Layer, abc.ABC):
    @abc.abstractmethod
    def inner(self, x: Any) -> Any: ...

    def call(self, x: Any) -> Any:
        return self.inner(x) + 1


class Double(Block):
    def inner(self, x: Any) -> Any:
        return x * 2


class Typed(dualnet.Model, Generic[T]):
    def call(self, x: Any) -> Any:
        return x


def test_an_abstract_layer() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Block()
    assert ops.convert_to_numpy(Double()(ops.ones((2,)))).tolist() == [3, 3]
    assert isinstance(Double(), Block)
    assert issubclass(Double, layers.Layer)
    assert not isinstance(3, Block)


def test_an_abstract_or_generic_model() -> None:
    class Base(dualnet.Model, abc.ABC):
        pass

    assert ops.convert_to_numpy(Typed()(ops.ones((2,)))).tolist() == [1, 1]
    assert isinstance(Typed(), dualnet.Model)
    assert issubclass(Base, layers.Layer)
