"""The web server of the data set tests, and an empty cache for each test."""

from tests.datasets.conftest import cache, server

__all__ = ["cache", "server"]
