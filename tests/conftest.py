"""What all tests share."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import settings

# A busy machine is no failure: time is measured in benchmarks/, never in a test.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture
def no_file_above():
    """Return a context in which no file of this process grows above a number of bytes.

    To a program, this is a disk that is full.
    """

    @contextmanager
    def no_file_above(size: int) -> Iterator[None]:
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return no_file_above
