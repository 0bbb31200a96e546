import gzip
import io
import re
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from photographs import GROUPS
from PIL import Image

from feature_quality.artifacts.prepared import SPLITS, read_prepared
from feature_quality.data import waterbirds
from feature_quality.data.photos import examples_of, group_counts, write_photos
from feature_quality.data.waterbirds import FOLDER, photographs, read_metadata, scale
from feature_quality.errors import InputError

# Table 3 of Sagawa et al. (2020) counts these; the sum is CUB's 11 788 photographs.
PUBLISHED = {"train": 4795, "val": 1199, "test": 5794}


@pytest.fixture
def real(data_dir):
    folder = data_dir / "waterbirds"
    if not (folder / "metadata.csv").exists():
        pytest.skip(
            f"real data absent ({folder / 'metadata.csv'}): let FEATURE_QUALITY_DATA name a "
            "directory with waterbirds/metadata.csv"
        )
    return folder


@pytest.fixture
def small(monkeypatch, small_waterbirds):
    monkeypatch.setattr(waterbirds, "GROUPS", GROUPS)
    return small_waterbirds


@pytest.fixture
def copy(small, tmp_path):
    return Path(shutil.copytree(small, tmp_path / FOLDER))


def pack(folder, path):
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        archive.add(folder, arcname=FOLDER)
    return path


def prepare(original, outputs):
    with photographs(original) as photos:
        write_photos(outputs[0], outputs[1:], photos, 2)
    return read_prepared(*outputs)


def test_real_metadata_hold_the_published_splits(real):
    examples = examples_of("waterbirds", read_metadata(real), waterbirds.GROUPS)
    counts = examples["split"].value_counts().to_dict()
    assert counts == waterbirds.COUNTS
    assert counts == PUBLISHED | {"probe_train": 1199, "probe_test": 5794}
    assert group_counts(examples, "train") == (3498, 184, 56, 1057)


def test_real_rows_come_by_split_and_then_as_in_the_file(real):
    table = read_metadata(real)
    lines = [line.split(",") for line in (real / "metadata.csv").read_text().splitlines()[1:]]
    expected = [
        (name, ("train", "val", "test")[split], int(bird), int(place))
        for split in range(3)
        for _, name, bird, of, place, _ in lines
        if int(of) == split
    ]
    assert list(table.itertuples(index=False, name=None)) == expected
    assert list(table.columns) == ["id", "split", "feature_a", "feature_b"]


def test_other_splits_are_refused(small, monkeypatch):
    monkeypatch.undo()
    with pytest.raises(InputError) as refusal, photographs(small):
        pass
    assert str(refusal.value) == (
        "waterbirds: these are not the published splits. Examples of each group are\n"
        "  {'train': (30, 6, 4, 20), 'val': (6, 6, 5, 5), 'test': (7, 7, 6, 6)}, expected\n"
        "  {'train': (3498, 184, 56, 1057), 'val': (467, 466, 133, 133), "
        "'test': (2255, 2255, 642, 642)}"
    )


def test_folder_and_archive_give_equal_bytes(small, tmp_path, outputs):
    prepare(small, outputs)
    from_folder = [path.read_bytes() for path in outputs]
    prepare(pack(small, tmp_path / "birds.tar.gz"), outputs)
    assert [path.read_bytes() for path in outputs] == from_folder


def test_every_example_has_its_own_image_and_groups(small, outputs):
    prepared = prepare(small, outputs)
    published = pd.read_csv(small / "metadata.csv").set_index("img_filename")
    for split, number in (("train", 0), ("val", 1), ("test", 2)):
        examples = prepared.split(split)
        assert (
            examples.table["id"].tolist() == published.index[published["split"] == number].tolist()
        )
        for image, row in zip(examples.images, examples.table.itertuples(), strict=True):
            assert (row.label, row.feature_a) == (published.loc[row.id, "y"],) * 2
            assert row.feature_b == published.loc[row.id, "place"]
            assert row.group == 2 * row.feature_a + row.feature_b
            with Image.open(small / row.id) as photo:
                np.testing.assert_array_equal(image, by_hand(photo))
    for probe, split in (("probe_train", "val"), ("probe_test", "test")):
        used, same = prepared.split(probe), prepared.split(split)
        np.testing.assert_array_equal(used.images, same.images)
        assert used.table.drop(columns="split").equals(same.table.drop(columns="split"))
    assert len(prepared.images) == len(published)
    assert set(prepared.examples["split"]) == set(SPLITS)


def test_describes_the_dataset(small, outputs):
    description = prepare(small, outputs).description
    assert description.classes == (("landbird", "waterbird"), ("land", "water"))
    assert not description.demonstration
    assert description.group_weights == (30 / 60, 6 / 60, 4 / 60, 20 / 60)
    assert description.channel_mean == (0.485, 0.456, 0.406)
    assert description.channel_std == (0.229, 0.224, 0.225)


def by_hand(photo):
    width, height = photo.size
    shorter = min(width, height)
    photo = photo.resize(
        (width * 128 // shorter, height * 128 // shorter), Image.Resampling.BILINEAR
    )
    left, top = (round((side - 112) / 2) for side in photo.size)
    return np.asarray(photo.crop((left, top, left + 112, top + 112))).transpose(2, 0, 1)


@pytest.mark.parametrize("size", [(150, 140), (333, 500), (500, 333), (128, 128), (60, 97)])
def test_images_are_scaled_and_cut(size):
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    photo = Image.fromarray(pixels)
    scaled = scale(photo)
    assert scaled.size == (112, 112)
    np.testing.assert_array_equal(np.asarray(scaled).transpose(2, 0, 1), by_hand(photo))


HEADER = "img_id,img_filename,y,split,place,place_filename\n"
BAD_METADATA = {
    "a bird of another kind": (HEADER + "1,a.jpg,2,0,1,p\n", "y should be one of [0, 1]"),
    "no bird": (HEADER + "1,a.jpg,,0,1,p\n", "y should be one of [0, 1]"),
    "no place": (HEADER + "1,a.jpg,1,0,sea,p\n", "place should be one of [0, 1]"),
    "a fourth split": (HEADER + "1,a.jpg,1,3,1,p\n", "split should be one of [0, 1, 2]"),
    "missing columns": ("img_filename,split\na.jpg,0\n", "has no column y, place"),
    "prose": ("no table\n", "has no column img_filename, y, split, place"),
    "unequal lines": ("a\nb\nc,d\n", "cannot be read as a table ("),
    "empty": ("", "cannot be read as a table (No columns to parse from file)"),
    "no text": (b"\xff\xfe\x00\x81", "cannot be read as a table ('utf-8' codec"),
    "absent": (None, "cannot be read as a table ([Errno 2] No such file"),
    "a row without its photograph": (HEADER + "1,,1,0,1,p\n", "a row names no photograph"),
}


@pytest.mark.parametrize(("content", "message"), BAD_METADATA.values(), ids=BAD_METADATA)
def test_bad_metadata_are_refused(tmp_path, content, message):
    path = tmp_path / "metadata.csv"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=re.escape(f"{path}: ") + ".*" + re.escape(message)):
        read_metadata(tmp_path)


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda path: path.unlink(), "is missing$"),
        (lambda path: path.write_text("no image"), r"cannot be decoded as an image \(.+\)$"),
        (
            lambda path: path.write_bytes(path.read_bytes()[:2000]),
            r"cannot be decoded as an image \(image file is truncated .*\)$",
        ),
    ],
    ids=["missing", "text", "cut"],
)
def test_a_bad_image_is_named(copy, outputs, harm, message):
    name = "002.Some_Bird/Some_Bird_0007.jpg"
    harm(copy / name)
    with pytest.raises(InputError, match=f"^{copy}: {name} {message}"):
        prepare(copy, outputs)
    assert list(outputs[0].parent.iterdir()) == []


def test_a_bad_image_of_an_archive_is_named(copy, tmp_path, outputs):
    (copy / "002.Some_Bird/Some_Bird_0007.jpg").unlink()
    path = pack(copy, tmp_path / "birds.tar.gz")
    said = re.escape(f"{path}/{FOLDER}: 002.Some_Bird/Some_Bird_0007.jpg is missing")
    with pytest.raises(InputError, match=f"^{said}$"):
        prepare(path, outputs)
    assert list(outputs[0].parent.iterdir()) == []


def stored(content):
    """Compress nothing, so that a changed byte is one of a file in the archive."""
    return gzip.compress(content, compresslevel=0, mtime=0)


def changed(packed):
    content = bytearray(packed)
    content[len(content) // 2] ^= 0xFF
    return bytes(content)


DAMAGE = {
    "cut": lambda packed: packed[: len(packed) // 2],
    "cut at its end": lambda packed: packed[:-6],
    "empty": lambda packed: b"",
    "text": lambda packed: b"<html>404</html>",
    "changed": changed,
    "changed where nothing is compressed": lambda packed: changed(stored(gzip.decompress(packed))),
    "absent": None,
}


@pytest.mark.parametrize("harm", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_archive_is_refused(small, tmp_path, outputs, harm):
    path = pack(small, tmp_path / "birds.tar.gz")
    if harm:
        path.write_bytes(harm(path.read_bytes()))
    else:
        path.unlink()
    with pytest.raises(InputError, match=re.escape(f"{path}: cannot be unpacked (")):
        prepare(path, outputs)
    assert not outputs[0].exists()
    assert not outputs[1].exists()


@pytest.mark.parametrize("name", ["../outside.txt", f"{FOLDER}/../../outside.txt"])
def test_nothing_is_unpacked_outside(tmp_path, monkeypatch, name):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = tmp_path / "birds.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    said = re.escape(f"{path}: {name} is no file or folder inside the archive")
    with pytest.raises(InputError, match=f"^{said}$"), photographs(path):
        pass
    assert list(tmp_path.iterdir()) == [path]


def test_an_archive_without_the_folder_is_refused(tmp_path):
    path = tmp_path / "birds.tar.gz"
    with tarfile.open(path, "w:gz"):
        pass
    said = re.escape(f"{path}/{FOLDER}/metadata.csv: cannot be read as a table (")
    with pytest.raises(InputError, match=f"^{said}"), photographs(path):
        pass


def test_what_was_unpacked_is_removed(small, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    path = pack(small, tmp_path / "birds.tar.gz")
    with photographs(path) as photos:
        assert len(photos.names) == 108
        assert len(list(tmp_path.iterdir())) == 2
    assert list(tmp_path.iterdir()) == [path]
