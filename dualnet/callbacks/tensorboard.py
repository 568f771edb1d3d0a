"""TensorBoard: event files of a run, for ``tensorboard --logdir``."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import config
from .callback import Callback, only_if
from .event_file import EventFile, require_tensorboardx
from .learning_rates import rates


class TensorBoard(Callback):
    """Writes the results of training for TensorBoard, into ``<log_dir>/train`` and ``<log_dir>/validation``.

    Args:
        log_dir: a folder. It is created if missing; a second run adds files to it.
        histogram_freq: the number of epochs between histograms of all weights; 0: never.
        write_graph: write the structure of the model for the graph page (a model with its own ``call`` has none).
        write_images: write the weights as images, along with the histograms.
        write_steps_per_second: write the training speed of every epoch and, with ``update_freq``, of steps.
        update_freq: "epoch"; or "batch" or a number of steps, after which to write the results of the epoch so far,
            for which training waits for the device.
        profile_batch: accepted and ignored: the batches for TensorFlow's profiler.
        embeddings_freq: the number of epochs between writes of the ``Embedding`` weights for the projector page; 0: never.
        embeddings_metadata: a file with a name for every row of an embedding; one for all, or a dictionary by layer name.

    The names are Keras's: ``epoch_loss``, ``epoch_learning_rate``, ``batch_loss``,
    ``evaluation_loss_vs_iterations``, ``<path of a weight>/histogram``. Needs tensorboardX, the extra
    ``tensorboard``.
    """

    state_attributes = ("_global_train_batch",)

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: str | int = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ) -> None:
        super().__init__()
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = histogram_freq or 0
        self.write_graph = write_graph
        self.write_images = write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = 1 if update_freq == "batch" else update_freq
        if self.update_freq != "epoch" and (not isinstance(self.update_freq, int) or self.update_freq < 1):
            raise ValueError(f'update_freq must be "epoch", "batch" or a number of steps, got {update_freq!r}')
        _check_profile_batch(profile_batch)
        self.embeddings_freq = embeddings_freq or 0
        self.embeddings_metadata = embeddings_metadata
        self._needs_batches = self.update_freq != "epoch"  # whether batch hooks are needed
        self._global_train_batch = 0
        self._training = False
        self._files: dict[str, EventFile] = {}
        self._batch_start_time = self._epoch_start_time = 0.0
        self._steps_before_epoch = 0

    def on_train_begin(self, logs: Any = None) -> None:
        require_tensorboardx()  # fail now, and not after an epoch of training
        self._training = True
        self._global_train_batch = 0
        if self.write_graph and self.model.built and (self.model._is_chain or self.model._graph is not None):
            self._file("train").keras_model("keras", self.model.to_json())
        if self.embeddings_freq:
            self._write_projector_config()

    def on_train_end(self, logs: Any = None) -> None:
        self._training = False
        self._close()

    def _close(self) -> None:
        for file in self._files.values():
            file.close()
        self._files = {}

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._epoch_start_time = time.perf_counter()
        self._steps_before_epoch = self.model.optimizer.step_count()

    @only_if("_needs_batches")
    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self._batch_start_time = time.perf_counter()

    @only_if("_needs_batches")
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self._global_train_batch += 1
        step = self._global_train_batch
        if not isinstance(self.update_freq, int) or step % self.update_freq:
            return
        if self.write_steps_per_second:
            rate = 1 / max(time.perf_counter() - self._batch_start_time, 1e-9)
            self._file("train").scalar("batch_steps_per_second", rate, step)
        self._scalars("train", "batch_{}", logs, step)

    def on_test_end(self, logs: Any = None) -> None:
        if self.model.optimizer is not None:
            self._scalars("validation", "evaluation_{}_vs_iterations", logs, int(self.model.optimizer.iterations))
        if not self._training:
            self._close()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs = dict(logs or {})
        validation = {name.removeprefix("val_"): v for name, v in logs.items() if name.startswith("val_")}
        train = {name: v for name, v in logs.items() if not name.startswith("val_")}
        if self.model.optimizer is not None:
            train |= rates(self.model)
        if self.write_steps_per_second:
            steps = self.model.optimizer.step_count() - self._steps_before_epoch
            train["steps_per_second"] = steps / max(time.perf_counter() - self._epoch_start_time, 1e-9)
        self._scalars("train", "epoch_{}", train, epoch)
        self._scalars("validation", "epoch_{}", validation, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            self._write_embeddings()
        for file in self._files.values():
            file.flush()

    def _file(self, run: str) -> EventFile:
        """The event file of a run, created on the first write: TensorBoard does not show a run without a file."""
        if run not in self._files:
            self._files[run] = EventFile(os.path.join(self.log_dir, run))
        return self._files[run]

    def _scalars(self, run: str, tag: str, logs: Any, step: int) -> None:
        for name, value in (logs or {}).items() if isinstance(logs, Mapping) or not logs else ():
            try:
                number = float(value)
            except (TypeError, ValueError):
                continue
            self._file(run).scalar(tag.format(name), number, step)

    def _write_weights(self, epoch: int) -> None:
        file = self._file("train")
        for layer in self.model.layers:
            for weight in layer.weights:
                path, value = weight.path.replace(":", "_"), weight.numpy()
                file.histogram(f"{path}/histogram", value, epoch)
                images = _as_images(value) if self.write_images else None
                if images is not None:
                    file.images(f"{path}/image", images, epoch)

    # -- the projector page ----------------------------------------------------------------------------------------

    def _embeddings(self) -> list[Any]:
        return [layer for layer in self.model.layers if type(layer).__name__ == "Embedding"]

    def _write_projector_config(self) -> None:
        """The list of embeddings for the projector, in the text format of protocol buffers."""
        default = self.embeddings_metadata
        by_layer = dict(default) if isinstance(default, Mapping) else {}
        entries = []
        for layer in self._embeddings():
            metadata = by_layer.pop(layer.name, None) if isinstance(default, Mapping) else default
            lines = [f"  tensor_name: {json.dumps(layer.name)}", f"  tensor_path: {json.dumps(f'{layer.name}.tsv')}"]
            if metadata is not None:
                lines.append(f"  metadata_path: {json.dumps(str(metadata))}")
            entries.append("embeddings {\n" + "\n".join(lines) + "\n}\n")
        if by_layer:
            raise ValueError(
                f"Unrecognized `Embedding` layer names passed as `embeddings_metadata`: {', '.join(by_layer)}; there are "
                f"{', '.join(layer.name for layer in self._embeddings()) or 'none'}"
            )
        os.makedirs(self.log_dir, exist_ok=True)
        Path(self.log_dir, "projector_config.pbtxt").write_text("".join(entries), encoding="utf-8")

    def _write_embeddings(self) -> None:
        from ..saving.atomic import atomic_write

        for layer in self._embeddings():
            with atomic_write(os.path.join(self.log_dir, f"{layer.name}.tsv"), "w", encoding="utf-8") as file:
                for row in layer.weights[0].numpy().tolist():
                    file.write("\t".join(map(repr, row)) + "\n")


def _check_profile_batch(value: Any) -> None:
    """Raise ``ValueError`` for values that Keras refuses too."""
    parts = value.split(",") if isinstance(value, str) else value
    parts = list(parts) if isinstance(parts, (list, tuple)) else [parts]
    try:
        numbers = [int(part) for part in parts]
    except (TypeError, ValueError):
        numbers = []
    if len(numbers) not in (1, 2) or numbers[0] < 0 or numbers[-1] < numbers[0]:
        raise ValueError(f"profile_batch must be a non-negative integer or a pair of positive integers, got {value!r}")


def _as_images(value: Any) -> Any:
    """A weight as images, as in Keras.  value: any shape -> (n, height, width, channels), or None"""
    value = value.squeeze()
    if value.ndim == 1:
        value = value.reshape(1, -1, 1, 1)
    elif value.ndim == 2:
        value = (value.T if value.shape[0] > value.shape[1] else value)[None, :, :, None]
    elif value.ndim == 3:
        if config.image_data_format() == "channels_last":
            value = value.transpose(2, 0, 1)  # one image for each kernel
        value = value[..., None]
    return value if value.ndim == 4 and value.shape[-1] in (1, 3, 4) else None
