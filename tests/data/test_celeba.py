import re
import shutil
import zipfile

import numpy as np
import pytest
from photographs import GROUPS, photograph
from PIL import Image

from feature_quality.artifacts.prepared import read_prepared
from feature_quality.data import celeba
from feature_quality.data.celeba import FOLDER, photographs, read_attributes, scale
from feature_quality.data.photos import examples_of, group_counts, write_photos
from feature_quality.errors import InputError

NAME = "000042.jpg"


@pytest.fixture
def small(monkeypatch, small_celeba, tmp_path):
    monkeypatch.setattr(celeba, "GROUPS", GROUPS)
    shutil.copytree(small_celeba, tmp_path / "celeba")
    return tmp_path / "celeba"


def prepare(folder, outputs, images=None):
    tables = (folder / "list_attr_celeba.txt", folder / "list_eval_partition.txt")
    with photographs(images or folder / FOLDER, *tables) as photos:
        write_photos(outputs[0], outputs[1:], photos, 2)
    return read_prepared(*outputs)


def pack(folder):
    path = folder / f"{FOLDER}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for image in sorted((folder / FOLDER).iterdir()):
            archive.write(image, f"{FOLDER}/{image.name}")
    return path


def left(outputs):
    return [path for path in outputs if path.exists()] + list(outputs[0].parent.glob("*"))


def test_real_tables_hold_the_published_splits(celeba_tables):
    table = read_attributes(*celeba_tables)
    examples = examples_of("celeba", table, celeba.GROUPS)
    counts = examples["split"].value_counts().to_dict()
    assert counts == celeba.COUNTS
    # The splits of Liu et al. (2015).
    published = {"train": 162770, "val": 19867, "test": 19962}
    assert counts == published | {"probe_train": 19867, "probe_test": 19962}
    assert table["id"].tolist() == [f"{number:06}.jpg" for number in range(1, 202600)]
    # The only group with fewer than 2 000 examples: blond men (Sagawa et al., 2020).
    assert group_counts(examples, "train")[3] == 1387


def test_real_attributes_are_those_of_the_file(celeba_tables):
    table = read_attributes(*celeba_tables).set_index("id")
    lines = celeba_tables[0].read_text().splitlines()
    names = lines[1].split()
    for line in lines[2::997]:
        name, *values = line.split()
        signs = dict(zip(names, map(int, values), strict=True))
        row = table.loc[name]
        assert (row["feature_a"], row["feature_b"]) == (
            int(signs["Blond_Hair"] > 0),
            int(signs["Male"] > 0),
        )


def write_tables(folder, attributes, partition):
    paths = folder / "attributes.txt", folder / "partition.txt"
    for path, content in zip(paths, (attributes, partition), strict=True):
        if content is not None:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return paths


def test_rows_come_by_split_and_then_as_in_the_file(tmp_path):
    attributes = "4\nMale Young Blond_Hair \nd.jpg  1 -1 -1\nc.jpg -1 -1  1\n" + (
        "b.jpg -1  1 -1\na.jpg  1  1  1\n"
    )
    paths = write_tables(tmp_path, attributes, "d.jpg 2\nc.jpg 0\nb.jpg 1\na.jpg 0\n")
    assert list(read_attributes(*paths).itertuples(index=False, name=None)) == [
        ("c.jpg", "train", 1, 0),
        ("a.jpg", "train", 1, 1),
        ("b.jpg", "val", 0, 0),
        ("d.jpg", "test", 0, 1),
    ]


GOOD = "2\nBlond_Hair Male \na.jpg -1  1\nb.jpg  1 -1\n", "a.jpg 0\nb.jpg 1\n"
PARTITION = "should name a photograph and its split, 0, 1 or 2, a line"
UNREADABLE = "cannot be read as a table ("
BAD_ATTRIBUTES = {
    "missing": (GOOD[0].replace("Male", "Young"), "has no attribute Male"),
    "both missing": (GOOD[0].replace("_Hair Male", " Young"), "has no attribute Blond_Hair, Male"),
    "no line of the number": (GOOD[0][2:], "has no attribute Blond_Hair, Male"),
    "zero": (GOOD[0].replace("-1  1", " 0  1"), "attributes should be -1 or 1"),
    "words": (GOOD[0].replace("-1  1", "no  1"), "attributes should be -1 or 1"),
    "one too many": (GOOD[0].replace("-1\n", "-1 1\n"), UNREADABLE),
    "one too few": (GOOD[0].replace(" -1\n", "\n"), "attributes should be -1 or 1"),
    "cut after the number": ("2\n", UNREADABLE),
    "empty": ("", UNREADABLE),
    "no text": (b"\xff\xfe\x00\x81\n" * 4, UNREADABLE),
    "absent": (None, UNREADABLE + "[Errno 2] No such file"),
}
BAD_PARTITION = {
    "a fourth": ("a.jpg 0\nb.jpg 3\n", PARTITION),
    "words": ("a.jpg 0\nb.jpg val\n", PARTITION),
    "three columns": ("a.jpg 0 0\nb.jpg 1 0\n", PARTITION),
    "only names": ("a.jpg\nb.jpg\n", PARTITION),
    "empty": ("", UNREADABLE),
    "absent": (None, UNREADABLE + "[Errno 2] No such file"),
    "another order": ("b.jpg 0\na.jpg 1\n", "does not name the photographs of "),
    "one fewer": ("a.jpg 0\n", "does not name the photographs of "),
    "another": ("a.jpg 0\nc.jpg 1\n", "does not name the photographs of "),
}


@pytest.mark.parametrize(("content", "message"), BAD_ATTRIBUTES.values(), ids=BAD_ATTRIBUTES)
def test_bad_attributes_are_refused(tmp_path, content, message):
    paths = write_tables(tmp_path, content, GOOD[1])
    with pytest.raises(InputError, match=f"^{paths[0]}: {re.escape(message)}"):
        read_attributes(*paths)


@pytest.mark.parametrize(("content", "message"), BAD_PARTITION.values(), ids=BAD_PARTITION)
def test_a_bad_partition_is_refused(tmp_path, content, message):
    paths = write_tables(tmp_path, GOOD[0], content)
    with pytest.raises(InputError, match=f"^{paths[1]}: {re.escape(message)}"):
        read_attributes(*paths)


def test_other_splits_are_refused(small, monkeypatch, outputs):
    monkeypatch.undo()
    with pytest.raises(InputError) as refusal:
        prepare(small, outputs)
    assert str(refusal.value) == (
        "celeba: these are not the published splits. Examples of each group are\n"
        "  {'train': (30, 6, 4, 20), 'val': (6, 6, 5, 5), 'test': (7, 7, 6, 6)}, expected\n"
        "  {'train': (71629, 66874, 22880, 1387), 'val': (8535, 8276, 2874, 182), "
        "'test': (9767, 7535, 2480, 180)}"
    )
    assert left(outputs) == []


def test_folder_and_archive_give_equal_bytes(small, outputs):
    prepare(small, outputs)
    from_folder = [path.read_bytes() for path in outputs]
    prepare(small, outputs, pack(small))
    assert [path.read_bytes() for path in outputs] == from_folder


def by_hand(photo):
    square = photo.crop((0, 20, 178, 198))
    return np.asarray(square.resize((64, 64), Image.Resampling.BILINEAR)).transpose(2, 0, 1)


def test_every_example_has_its_own_image_and_groups(small, outputs):
    prepared = prepare(small, outputs)
    lines = (small / "list_attr_celeba.txt").read_text().splitlines()[2:]
    signs = {name: (int(hair), int(male)) for name, _, hair, _, male, _ in map(str.split, lines)}
    for split, count in (("train", 60), ("val", 22), ("test", 26)):
        examples = prepared.split(split)
        assert len(examples.table) == count
        for image, row in zip(examples.images, examples.table.itertuples(), strict=True):
            assert (2 * row.feature_a - 1, 2 * row.feature_b - 1) == signs[row.id]
            assert (row.label, row.group) == (row.feature_a, 2 * row.feature_a + row.feature_b)
            with Image.open(small / FOLDER / row.id) as photo:
                np.testing.assert_array_equal(image, by_hand(photo))
    for probe, split in (("probe_train", "val"), ("probe_test", "test")):
        used, same = prepared.split(probe), prepared.split(split)
        np.testing.assert_array_equal(used.images, same.images)
        assert used.table.drop(columns="split").equals(same.table.drop(columns="split"))
    assert len(prepared.images) == 108


def test_describes_the_dataset(small, outputs):
    description = prepare(small, outputs).description
    assert description.classes == (("not blond", "blond"), ("female", "male"))
    assert not description.demonstration
    assert description.group_weights == (30 / 60, 6 / 60, 4 / 60, 20 / 60)
    assert description.channel_mean == (0.485, 0.456, 0.406)
    assert description.channel_std == (0.229, 0.224, 0.225)


def test_images_are_cut_and_scaled():
    pixels = np.random.default_rng(0).integers(0, 256, (218, 178, 3), dtype=np.uint8)
    scaled = np.asarray(scale(Image.fromarray(pixels))).transpose(2, 0, 1)
    assert scaled.shape == (3, 64, 64)
    np.testing.assert_array_equal(scaled, by_hand(Image.fromarray(pixels)))


BAD_IMAGES = {
    "missing": (lambda path: path.unlink(), "is missing$"),
    "text": (lambda path: path.write_text("no"), r"cannot be decoded as an image \(.+\)$"),
    "cut": (
        lambda path: path.write_bytes(path.read_bytes()[:2000]),
        r"cannot be decoded as an image \(image file is truncated .*\)$",
    ),
    "on its side": (
        lambda path: photograph(path, (218, 178), 0, 0, 0),
        r"cannot be decoded as an image \(218 × 178 pixels; aligned images are 178 × 218\)$",
    ),
}


@pytest.mark.parametrize(("harm", "message"), BAD_IMAGES.values(), ids=BAD_IMAGES)
@pytest.mark.parametrize("packed", [False, True], ids=["folder", "archive"])
def test_a_bad_image_is_named_and_nothing_is_left(small, outputs, harm, message, packed):
    harm(small / FOLDER / NAME)
    images = pack(small) if packed else small / FOLDER
    with pytest.raises(InputError, match=f"^{images}: {NAME} {message}"):
        prepare(small, outputs, images)
    assert left(outputs) == []


@pytest.mark.parametrize("place", ["content", "header"])
def test_a_damaged_member_of_the_archive_is_named(small, outputs, place):
    path = pack(small)
    content = bytearray(path.read_bytes())
    start = content.index(f"{FOLDER}/{NAME}".encode())
    content[start + {"content": 1500, "header": 3}[place]] ^= 1
    path.write_bytes(content)
    said = {"content": "Bad CRC-32 for file", "header": "File name in directory"}[place]
    with pytest.raises(
        InputError, match=rf"^{path}: {NAME} cannot be decoded as an image \({said} .*\)$"
    ):
        prepare(small, outputs, path)
    assert left(outputs) == []


@pytest.mark.parametrize("harm", ["cut", "text", "empty", "absent"])
def test_a_damaged_archive_is_refused(small, outputs, harm):
    path = pack(small)
    whole = path.read_bytes()
    path.write_bytes({"cut": whole[:-1000], "text": b"<html>"}.get(harm, b""))
    if harm == "absent":
        path.unlink()
    with pytest.raises(InputError, match=rf"^{path}: cannot be unpacked \(.+\)$"):
        prepare(small, outputs, path)
    assert left(outputs) == []
