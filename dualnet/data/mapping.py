"""Elements computed from elements: the mapping part of `Dataset`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import specs, streams
from .base import AUTOTUNE, DatasetBase, filtered_size
from .elements import as_output, own_element, positive, returned_element

if TYPE_CHECKING:
    from .dataset import Dataset


class Mapping(DatasetBase):
    """Methods that call a function with every element."""

    def map(
        self,
        map_func: Callable[..., Any],
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """`map_func(*element)` for every element; a dictionary is passed as one argument.

        The function receives NumPy arrays and may use NumPy, ops or layers; tensors it returns become arrays. What it
        returns is copied. A list is a tuple of parts, such as x and y, and not an array; a list inside a tuple or
        dictionary is an array.

        Args:
            num_parallel_calls: the number of threads, which helps where the function waits for files or releases the
                GIL; `AUTOTUNE` and None: sequential. The order is always preserved, whatever `deterministic` says;
                which element gets which random numbers of a layer depends on the threads.
        """

        return self._new(lambda key: streams.mapped(self._elements(key), map_func, num_parallel_calls), self._size)

    def enumerate(self, start: int = 0, name: str | None = None) -> Dataset:
        """`(index, element)`, counted from `start`."""
        return self._new(
            lambda key: streams.enumerated(self._elements(key), start),
            self._size,
            spec=lambda: (specs.TensorSpec((), "int64"), self.element_spec),
        )

    def scan(
        self, initial_state: Any, scan_func: Callable[[Any, Any], tuple[Any, Any]], name: str | None = None
    ) -> Dataset:
        """The outputs of `state, output = scan_func(state, element)` for every element, the first with `initial_state`.

        As with `reduce`, an element that is a tuple is one argument. The structure of the state stays the same.
        """
        initial = own_element(initial_state)
        return self._new(lambda key: streams.scanned(self._elements(key), own_element(initial), scan_func), self._size)

    def flat_map(self, map_func: Callable[..., Dataset], name: str | None = None) -> Dataset:
        """The elements of the datasets `map_func(*element)`, concatenated."""
        return self._new(lambda key: streams.flattened(self._elements(key), map_func, key), filtered_size(self._size))

    def interleave(
        self,
        map_func: Callable[..., Dataset],
        cycle_length: int | None = None,
        block_length: int | None = None,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> Dataset:
        """The elements of several datasets `map_func(*element)` in turns; where one ends, that of the next follows.

        Args:
            cycle_length: how many datasets take turns; 16 by default, on every machine (tf.data goes by the number of
                its cores).
            block_length: how many elements each gives at its turn, 1 by default.
            num_parallel_calls, deterministic: of no effect: the order is always the same.
        """
        cycle = 16 if cycle_length in (None, AUTOTUNE) else cycle_length
        block = 1 if block_length is None else block_length
        positive("cycle_length", cycle)
        positive("block_length", block)
        size = filtered_size(self._size)
        return self._new(lambda key: streams.interleaved(self._elements(key), map_func, cycle, block, key), size)

    def reduce(self, initial_state: Any, reduce_func: Callable[[Any, Any], Any], name: str | None = None) -> Any:
        """The final state of `state = reduce_func(state, element)` over all elements."""
        state = own_element(initial_state)
        for element in streams.closing(self._elements()):
            convert = returned_element if isinstance(state, tuple) else own_element
            state = convert(reduce_func(state, element))
        return as_output(state)

    def apply(self, transformation_func: Callable[[Dataset], Dataset]) -> Dataset:
        """`transformation_func(self)`, which must be a dataset."""
        dataset = transformation_func(self)  # type: ignore[arg-type]
        if not isinstance(dataset, DatasetBase):
            raise TypeError(f"apply: the function must return a Dataset, it returned {type(dataset).__name__}")
        return dataset
