"""What all tests share."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# A busy machine is no failure: time is measured in benchmarks/, never in a test.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture
def own(tmp_path: Path) -> dict[str, Any]:
    """Return the configuration of a dataset of one's own, whose table is there and no image."""
    images, table = tmp_path / "images", tmp_path / "table.csv"
    images.mkdir()
    pairs = list(product(("cat", "dog"), ("home", "street")))
    splits = {"train": [*pairs, pairs[0]], "val": pairs * 2, "test": pairs}
    rows = [(split, *pair) for split, members in splits.items() for pair in members]
    lines = [f"{number}.png,{','.join(row)}" for number, row in enumerate(rows)]
    table.write_text("\n".join(["image,split,animal,place", *lines]) + "\n")
    described = {"images": str(images), "table": str(table), "title": "Pets"}
    return {"datasets": ["pets"], "own": {"pets": described | {"features": ["animal", "place"]}}}


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
