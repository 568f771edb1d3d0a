"""`Options` of a dataset, as programs for tf.data set them."""

from __future__ import annotations

from typing import Any

from ..core.hints import no_attribute

# The groups of tf.data.Options, and what can be set in each.
_GROUPS = {
    "autotune": "autotune_algorithm cpu_budget enabled initial_parallelism min_parallelism ram_budget",
    "experimental_distribute": "auto_shard_policy num_devices",
    "experimental_optimization": """apply_default_optimizations filter_fusion filter_parallelization inject_prefetch
        map_and_batch_fusion map_and_filter_fusion map_fusion map_parallelization noop_elimination parallel_batch
        seq_interleave_prefetch shuffle_and_repeat_fusion""",
    "experimental_service": "pinned",
    "threading": "max_intra_op_parallelism private_threadpool_size",
}
_NAMES = """dataset_name deterministic experimental_deterministic experimental_external_state_policy experimental_slack
    experimental_symbolic_checkpoint experimental_warm_start framework_type"""


class _Group:
    """Names that can be set and read."""

    def __init__(self, path: str, names: str) -> None:
        vars(self)["_path"], vars(self)["_names"] = path, names.split()

    def __getattr__(self, name: str) -> Any:
        if name in vars(self).get("_names", ()):
            return None
        raise no_attribute(vars(self).get("_path", ""), name, self.__dir__())

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self._names:
            raise no_attribute(self._path, name, self.__dir__())
        vars(self)[name] = value

    def __dir__(self) -> list[str]:
        return sorted(vars(self).get("_names", ()))


class Options(_Group):
    """The options of tf.data, by their names, such as `deterministic` or `threading.private_threadpool_size`.

    They can be set, read and given to `with_options`, and have no effect: the order of elements is always the same, and
    how many threads work is said by `map` and `prefetch`.
    """

    def __init__(self) -> None:
        super().__init__("dualnet.data.Options", _NAMES)
        vars(self).update({name: _Group(f"dualnet.data.Options.{name}", names) for name, names in _GROUPS.items()})
        vars(self)["experimental_threading"] = self.threading
