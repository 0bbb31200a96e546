import re
import threading
import time
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from feature_quality.artifacts.images import read_images
from feature_quality.data import photos as photos_module
from feature_quality.data.photos import (
    Photos,
    draw_parts,
    five_splits,
    frequencies,
    group_counts,
    split_counts,
    split_photos,
    write_photos,
)
from feature_quality.data.spec import DatasetSpec, Preparation
from feature_quality.errors import InputError

COUNTS = {"train": (3, 1, 1, 2), "val": (1, 1, 1, 1), "test": (1, 1, 2, 1)}
SPEC = DatasetSpec("pets", "Pets", ("pet", "chair"), group_counts=COUNTS)


def photographs():
    rows = [
        (split, group // 2, group % 2)
        for split, counts in COUNTS.items()
        for group, count in enumerate(counts)
        for _ in range(count)
    ]
    table = pd.DataFrame(rows, columns=["part", "feature_a", "feature_b"])
    return table.assign(id=[f"{row}.png" for row in range(len(rows))])


def encoded(name, kind="PNG", mode="RGB"):
    """Encode an image of one colour, which says which one it is."""
    row = int(name.removesuffix(".png"))
    file = BytesIO()
    Image.new("RGB", (6, 4), (10 * row, 0, 255 - row)).convert(mode).save(file, kind)
    return file.getvalue()


def photos(read=encoded):
    return Photos(
        info=SPEC.info(classes=(("cat", "dog"), ("red", "green"))),
        table=photographs(),
        place="/some/where",
        read=read,
        scale=lambda photo: photo.resize((3, 2)),
        shape=(3, 2, 3),
    )


def write(outputs, photos, threads=2):
    write_photos(Preparation({}, {}, *outputs, threads), photos)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    monkeypatch.setattr(photos_module, "PART", 3)


def test_probes_show_the_images_of_validation_and_test():
    examples = five_splits(photographs(), values=2)
    assert examples["image"].tolist() == [*range(16), *range(7, 11), *range(11, 16)]
    sizes = {"train": 7, "val": 4, "test": 5, "probe_train": 4, "probe_test": 5}
    assert split_counts(COUNTS) == sizes
    assert examples["split"].tolist() == [split for split, n in sizes.items() for _ in range(n)]
    assert examples["group"].tolist()[:7] == [0, 0, 0, 1, 2, 3, 3]
    assert examples["label"].tolist()[:7] == [0, 0, 0, 0, 1, 1, 1]
    assert examples["id"].tolist()[16:18] == ["7.png", "8.png"]
    assert group_counts(examples, "test") == (1, 1, 2, 1)
    assert group_counts(examples, "none", 3) == (0, 0, 0)
    assert frequencies((3, 1, 0, 4)) == (0.375, 0.125, 0.0, 0.5)


def test_each_image_lies_in_its_own_row(outputs):
    write(outputs, photos(), 3)
    stored = read_images(*outputs)
    assert stored.info == photos().info
    assert stored.table["id"].tolist() == [f"{row}.png" for row in range(16)]
    assert stored.pixels.shape == (16, 3, 2, 3)
    rows = np.arange(16)
    for channel, values in enumerate((10 * rows, 0 * rows, 255 - rows)):
        np.testing.assert_array_equal(
            stored.pixels[:, channel], np.broadcast_to(values[:, None, None], (16, 2, 3))
        )
    assert {path.name for path in outputs[0].parent.iterdir()} == {path.name for path in outputs}


def test_no_seed_changes_a_published_split(outputs, split):
    write(outputs, photos())
    first, other = (split(split_photos, read_images(*outputs), seed)[0] for seed in (0, 1))
    assert first.examples.equals(other.examples)
    assert first.description == other.description
    assert first.description.group_weights == tuple(count / 7 for count in COUNTS["train"])
    np.testing.assert_array_equal(first.split("probe_train").images, first.images[7:11])


def test_a_seed_splits_each_pair_of_values_in_the_same_shares():
    groups = np.repeat([0, 1, 2, 3], [50, 7, 12, 20])
    table = pd.DataFrame({"id": "x", "part": "", "feature_a": groups // 2, "feature_b": groups % 2})
    drawn = [draw_parts(table, "pets", seed)["part"] for seed in (0, 0, 1)]
    assert drawn[0].equals(drawn[1])
    assert not drawn[0].equals(drawn[2])
    for parts in drawn:
        counts = pd.crosstab(groups, parts)
        # A fifth, and a quarter of the rest.
        assert counts["test"].tolist() == [10, 1, 2, 4]
        assert counts["val"].tolist() == [10, 2, 2, 4]
        assert counts["train"].tolist() == [30, 4, 8, 12]
    assert draw_parts(photographs(), "pets", 0).equals(photographs())


def test_equal_bytes_whatever_the_threads_and_their_order(outputs, tmp_path):
    write(outputs, photos(), 1)
    first = [path.read_bytes() for path in outputs]

    def slow(name):
        time.sleep(0.01 * (name in ("0.png", "4.png")))
        return encoded(name)

    write(outputs, photos(slow), 5)
    assert [path.read_bytes() for path in outputs] == first


def bad(content):
    def read(name):
        if name != "7.png":
            return encoded(name)
        if isinstance(content, Exception):
            raise content
        return content

    return read


WHOLE = encoded("7.png", "JPEG")
HEADER = WHOLE.index(b"\xff\xc0")
BAD = {
    "text": b"<html>Not found</html>",
    "empty": b"",
    "cut JPEG": WHOLE[: HEADER + 100],
    "JPEG without its end": WHOLE[:-4],
    "cut PNG": encoded("7.png")[:50],
    "broken PNG": encoded("7.png")[:45] + b"\xff" * 30,
    # What a header that was damaged claims.
    "of 65535 × 65535 pixels": WHOLE[: HEADER + 5] + b"\xff" * 4 + WHOLE[HEADER + 9 :],
    "not in the folder": FileNotFoundError("7.png"),
    "not in the archive": KeyError("7.png"),
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_a_bad_image_is_named_and_what_was_prepared_before_is_kept(outputs, content):
    with pytest.raises(InputError) as refusal:
        write(outputs, photos(bad(content)))
    absent = isinstance(content, Exception)
    said = "is missing" if absent else r"cannot be decoded as an image \([^<>]+\)"
    assert re.fullmatch(rf"/some/where: 7\.png {said}", str(refusal.value), re.DOTALL)
    assert list(outputs[0].parent.iterdir()) == []
    write(outputs, photos())
    before = [path.read_bytes() for path in outputs]
    with pytest.raises(InputError):
        write(outputs, photos(bad(content)))
    assert [path.read_bytes() for path in outputs] == before
    assert len(list(outputs[0].parent.iterdir())) == 2


def test_an_image_that_fails_stops_the_rest(outputs, monkeypatch):
    monkeypatch.setattr(photos_module, "PART", 1)
    asked = []

    def read(name):
        asked.append(name)
        if name == "1.png":
            raise FileNotFoundError(name)
        time.sleep(0.1)
        return encoded(name)

    threads = threading.active_count()
    with pytest.raises(InputError, match=r"1\.png is missing"):
        write(outputs, photos(read))
    assert len(asked) < 8
    assert threading.active_count() == threads
