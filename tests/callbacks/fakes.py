"""Stand-ins for a model, for tests that drive callbacks by hand."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any


class FakeMetric:
    def __init__(self, name: str, direction: str | None = None) -> None:
        self.name = name
        if direction is not None:
            self._direction = direction


class FakeModel:
    """Its only weight is a number the test sets; saves are written down, not done."""

    def __init__(self, metrics: Any = ()) -> None:
        self.metrics = list(metrics)
        self.stop_training = False
        self.weight = 0.0
        self.history: Any = None
        self.saved: list[str] = []
        self.failing = False

    def get_weights(self) -> list[float]:
        return [self.weight]

    def set_weights(self, weights: list[float]) -> None:
        (self.weight,) = weights

    def save(self, filepath: Any, overwrite: bool = True, **kwargs: Any) -> None:
        if self.failing:
            raise OSError(28, "No space left on device")
        self.saved.append(str(filepath))

    def save_weights(self, filepath: Any, overwrite: bool = True, **kwargs: Any) -> None:
        self.saved.append(f"weights:{filepath}")


class Unread(MutableMapping[str, Any]):
    """Logs of a batch that must not be looked at: as on a GPU, looking would wait for the device."""

    def __getitem__(self, key: str) -> Any:
        raise AssertionError(f"logs[{key!r}] was read")

    def __setitem__(self, key: str, value: Any) -> None:
        raise AssertionError("logs were written")

    __delitem__ = __getitem__

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("logs were read")

    def __len__(self) -> int:
        raise AssertionError("logs were read")


class Counted(dict[str, Any]):
    """Logs of a batch that count how often they are looked at."""

    reads = 0

    def __getitem__(self, key: str) -> Any:
        self.reads += 1
        return super().__getitem__(key)

    def get(self, key: str, default: Any = None) -> Any:
        self.reads += 1
        return super().get(key, default)

    def items(self) -> Any:
        self.reads += 1
        return super().items()
