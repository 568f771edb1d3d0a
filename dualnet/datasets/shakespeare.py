"""Shakespeare: forty thousand lines of his plays in one string, known as Tiny Shakespeare (Karpathy, 2015)."""

from __future__ import annotations

from typing import BinaryIO

from dualnet.datasets import hashed
from dualnet.datasets.download import ContentError

_URLS = (
    "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
    "https://storage.googleapis.com/download.tensorflow.org/data/shakespeare.txt",
)
_SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
_MAX_BYTES = 2 << 20


def load_data(path: str = "tinyshakespeare.txt") -> str:
    """Load parts of Shakespeare's plays as one text of 1,115,394 characters, of which 65 are different.

    Speeches follow each other with an empty line between them, each below the name of who speaks and a colon. The last tenth
    is usually kept for validation: a model that has seen only what comes before cannot know it by heart.

    The file is taken from `text/` in the folder `DUALNET_DATA_DIR`, the cache, or the network (1.1 MB, once), and always
    checked. The text is in the public domain.

    Args:
        path: name of the file in `text/` and in the cache. A name, not a path.

    Returns:
        The text, with "\\n" at the end of each line.

    Raises:
        ValueError: `path` is not a plain file name.
        dualnet.datasets.download.DataError: no source has the text, or a local file is wrong.
    """
    return hashed.fetch_file(path, _URLS, _SHA256, _parse, folder="text", max_bytes=_MAX_BYTES)


def _parse(file: BinaryIO) -> str:
    try:
        return file.read().decode("ascii")
    except UnicodeDecodeError as error:
        raise ContentError(f"expected a text in ASCII, found byte {error.object[error.start]:#x}") from error
