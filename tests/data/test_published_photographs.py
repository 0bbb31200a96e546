"""CelebA and Waterbirds: on small trees in the original layouts, and on the real tables."""

import re
import shutil
import tarfile
import zipfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from photographs import GROUPS, write_celeba, write_waterbirds
from PIL import Image

from feature_quality.artifacts.prepared import SPLITS
from feature_quality.data import celeba, waterbirds
from feature_quality.data.photos import (
    five_splits,
    group_counts,
    require_published,
    split_counts,
)
from feature_quality.errors import InputError


@dataclass
class Small:
    """A small copy of a dataset.

    Attributes:
        module: its own.
        folder: of the photographs.
        name: that of one of them.
        truth: (split, feature A, feature B) of each, in the order of the original table.
        tables: the other original files.
    """

    module: ModuleType
    folder: Path
    name: str
    truth: dict[str, tuple[int, int, int]]
    tables: dict[str, Path] = field(default_factory=dict)

    def originals(self, images=None):
        return {name: str(path) for name, path in self.tables.items()} | {
            "images": str(images or self.folder)
        }

    def pack(self):
        """Return the archive that the folder is published in."""
        if self.module is celeba:
            path = self.folder.with_suffix(".zip")
            with zipfile.ZipFile(path, "w") as archive:
                for image in sorted(self.folder.iterdir()):
                    archive.write(image, f"{self.folder.name}/{image.name}")
        else:
            path = self.folder.with_suffix(".tar.gz")
            with tarfile.open(path, "w:gz", compresslevel=1) as archive:
                archive.add(self.folder, arcname=self.folder.name)
        return path


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    place = tmp_path_factory.mktemp("small")
    return {"celeba": write_celeba(place), "waterbirds": write_waterbirds(place)}


@pytest.fixture(params=["celeba", "waterbirds"])
def unpublished(request, written, tmp_path):
    """Return a small copy that is not of the published splits."""
    original = written[request.param]
    folder, truth = Path(shutil.copytree(original, tmp_path / original.name)), {}
    if request.param == "waterbirds":
        for line in (folder / "metadata.csv").read_text().splitlines()[1:]:
            _, name, bird, split, place, _ = line.split(",")
            truth[name] = (int(split), int(bird), int(place))
        return Small(waterbirds, folder, "002.Some_Bird/Some_Bird_0007.jpg", truth)
    names = {"attributes": "list_attr_celeba.txt", "partition": "list_eval_partition.txt"}
    tables = {key: folder / name for key, name in names.items()}
    splits = dict(line.split() for line in tables["partition"].read_text().splitlines())
    for line in tables["attributes"].read_text().splitlines()[2:]:
        name, _, hair, _, gender, _ = line.split()
        truth[name] = (int(splits[name]), int(hair == "1"), int(gender == "1"))
    return Small(celeba, folder / celeba.FOLDER, "000042.jpg", truth, tables)


@pytest.fixture
def small(unpublished, monkeypatch):
    """Return a small copy whose splits pass for the published ones."""
    spec = replace(unpublished.module.SPEC, counts=split_counts(GROUPS), group_counts=GROUPS)
    monkeypatch.setattr(unpublished.module, "SPEC", spec)
    monkeypatch.setattr(unpublished.module, "GROUPS", GROUPS)
    return unpublished


def by_hand(module, photo):
    """Return the pixels that are stored of a photograph."""
    size = (64, 78) if module is celeba else (128, 128)
    return np.asarray(photo.resize(size, Image.Resampling.BILINEAR)).transpose(2, 0, 1)


def test_every_example_has_its_own_image_and_groups(small, prepare, split, outputs):
    (prepared,) = split(small.module.split, prepare(small.module, small.originals()))
    assert prepared.images.shape == (108, 3, *small.module.SPEC.stored)
    # A network sees the central square, whose side is 178 of 218 pixels down, and 224 of 256.
    assert prepared.shape == small.module.SPEC.shape
    height, width = prepared.description.view
    down = height / prepared.images.shape[2]
    assert height == width
    assert down == pytest.approx(178 / 218 if small.module is celeba else 224 / 256, abs=0.005)
    for number, part in enumerate(SPLITS[:3]):
        examples = prepared.split(part)
        names = [name for name, (of, _, _) in small.truth.items() if of == number]
        assert examples.table["id"].tolist() == names
        for image, row in zip(examples.images, examples.table.itertuples(), strict=True):
            assert (row.feature_a, row.feature_b) == small.truth[row.id][1:]
            assert (row.label, row.group) == (row.feature_a, 2 * row.feature_a + row.feature_b)
            with Image.open(small.folder / row.id) as photo:
                np.testing.assert_array_equal(image, by_hand(small.module, photo))
    for probe, part in (("probe_train", "val"), ("probe_test", "test")):
        used, same = prepared.split(probe), prepared.split(part)
        np.testing.assert_array_equal(used.images, same.images)
        assert used.table.drop(columns="split").equals(same.table.drop(columns="split"))
    description, spec = prepared.description, small.module.SPEC
    assert (description.dataset, description.title) == (spec.id, spec.title)
    assert (description.features, description.classes) == (spec.features, spec.classes)
    assert (description.demonstration, description.target) == (False, "")
    assert description.group_weights == (30 / 60, 6 / 60, 4 / 60, 20 / 60)
    assert description.channel_mean == (0.485, 0.456, 0.406)
    assert description.channel_std == (0.229, 0.224, 0.225)
    # The archive gives the same bytes as the folder.
    from_folder = [path.read_bytes() for path in outputs]
    prepare(small.module, small.originals(small.pack()))
    assert [path.read_bytes() for path in outputs] == from_folder


def test_other_splits_are_refused(unpublished, prepare, outputs):
    with pytest.raises(InputError) as refusal:
        prepare(unpublished.module, unpublished.originals())
    assert str(refusal.value) == (
        f"{unpublished.module.SPEC.id}: these are not the published splits. Examples of each group "
        "are\n  {'train': (30, 6, 4, 20), 'val': (6, 6, 5, 5), 'test': (7, 7, 6, 6)}, expected\n"
        f"  {unpublished.module.GROUPS}"
    )
    assert not outputs[0].parent.exists()


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "archive"])
def test_a_missing_image_is_named_and_nothing_is_left(small, prepare, outputs, packed):
    """What cannot be decoded is that of all photographs (test_photos.py)."""
    (small.folder / small.name).unlink()
    images = small.pack() if packed else small.folder
    place = f"{images}/{waterbirds.FOLDER}" if packed and small.module is waterbirds else images
    with pytest.raises(InputError, match=f"^{place}: {small.name} is missing$"):
        prepare(small.module, small.originals(images))
    assert list(outputs[0].parent.iterdir()) == []


@pytest.mark.parametrize("harm", ["cut", "text", "empty", "absent"])
def test_a_damaged_archive_is_refused(small, prepare, outputs, harm):
    path = small.pack()
    whole = path.read_bytes()
    path.write_bytes({"cut": whole[:-1000], "text": b"<html>"}.get(harm, b""))
    if harm == "absent":
        path.unlink()
    with pytest.raises(InputError, match=rf"^{path}: cannot be unpacked \(.+\)$"):
        prepare(small.module, small.originals(path))
    assert not list(outputs[0].parent.glob("*"))


def test_an_image_of_celeba_on_its_side_is_refused():
    with pytest.raises(OSError, match=r"218 × 178 pixels; aligned images are 178 × 218$"):
        celeba.scale(Image.new("RGB", (218, 178)))


@pytest.mark.parametrize("unpublished", ["celeba"], indirect=True)
@pytest.mark.parametrize(
    ("offset", "said"), [(1500, "Bad CRC-32 for file"), (3, "File name in directory")]
)
def test_a_damaged_member_of_a_zip_is_named(small, prepare, offset, said):
    path = small.pack()
    content = bytearray(path.read_bytes())
    content[content.index(f"{celeba.FOLDER}/{small.name}".encode()) + offset] ^= 1
    path.write_bytes(content)
    said = rf"^{path}: {small.name} cannot be read \({said} .*\)$"
    with pytest.raises(InputError, match=said):
        prepare(celeba, small.originals(path))


def write_tables(folder, attributes, partition):
    paths = folder / "attributes.txt", folder / "partition.txt"
    for path, content in zip(paths, (attributes, partition), strict=True):
        if content is not None:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return paths


def test_rows_of_celeba_come_by_split_and_then_as_in_the_file(tmp_path):
    lines = ["4", "Male Young Blond_Hair ", "d.jpg  1 -1 -1", "c.jpg -1 -1  1"]
    attributes = "\n".join([*lines, "b.jpg -1  1 -1", "a.jpg  1  1  1", ""])
    paths = write_tables(tmp_path, attributes, "d.jpg 2\nc.jpg 0\nb.jpg 1\na.jpg 0\n")
    assert list(celeba.read_attributes(*paths).itertuples(index=False, name=None)) == [
        ("c.jpg", "train", 1, 0),
        ("a.jpg", "train", 1, 1),
        ("b.jpg", "val", 0, 0),
        ("d.jpg", "test", 0, 1),
    ]


def test_real_tables_of_celeba_hold_the_published_splits(celeba_tables):
    table = celeba.read_attributes(*celeba_tables)
    require_published(celeba.SPEC, table)
    counts = five_splits(table, values=2)["split"].value_counts().to_dict()
    # The splits of Liu et al. (2015).
    published = {"train": 162770, "val": 19867, "test": 19962}
    assert counts == published | {"probe_train": 19867, "probe_test": 19962}
    assert counts == celeba.SPEC.counts
    assert table["id"].tolist() == [f"{number:06}.jpg" for number in range(1, 202600)]
    lines = celeba_tables[0].read_text().splitlines()
    names = lines[1].split()
    for line in lines[2::997]:
        name, *values = line.split()
        signs = dict(zip(names, map(int, values), strict=True))
        row = table.iloc[int(name.removesuffix(".jpg")) - 1]
        assert row["feature_a"] == (signs["Blond_Hair"] > 0)
        assert row["feature_b"] == (signs["Male"] > 0)


GOOD = "2\nBlond_Hair Male \na.jpg -1  1\nb.jpg  1 -1\n", "a.jpg 0\nb.jpg 1\n"
PARTITION = "should name a photograph and its split, 0, 1 or 2, a line"
UNREADABLE = "cannot be read as a table ("
ABSENT = UNREADABLE + "[Errno 2] No such file"
COMMAS = "has commas between its columns; the published file has spaces"
OTHERS = "does not name the photographs of "
# (number of the table, its content, message)
BAD_TABLES = {
    "no gender": (0, GOOD[0].replace("Male", "Young"), "has no attribute Male"),
    "neither": (0, GOOD[0].replace("r Male", " Young"), "has no attribute Blond_Hair, Male"),
    "no line of the number": (0, GOOD[0][2:], "has no attribute Blond_Hair, Male"),
    "commas": (0, GOOD[0].replace("  ", " ").replace(" ", ","), COMMAS),
    "commas and no number": (0, "image_id,Blond_Hair,Male\na.jpg,-1,1\nb.jpg,1,-1\n", COMMAS),
    "commas in the partition": (1, "a.jpg,0\nb.jpg,1\n", COMMAS),
    "zero": (0, GOOD[0].replace("-1  1", " 0  1"), "attributes should be -1 or 1"),
    "words": (0, GOOD[0].replace("-1  1", "no  1"), "attributes should be -1 or 1"),
    "one too many": (0, GOOD[0].replace("-1\n", "-1 1\n"), UNREADABLE),
    "one too few": (0, GOOD[0].replace(" -1\n", "\n"), "attributes should be -1 or 1"),
    "cut after the number": (0, "2\n", UNREADABLE),
    "no attributes": (0, "", UNREADABLE),
    "no text": (0, b"\xff\xfe\x00\x81\n" * 4, UNREADABLE),
    "absent attributes": (0, None, ABSENT),
    "a fourth split": (1, "a.jpg 0\nb.jpg 3\n", PARTITION),
    "words for splits": (1, "a.jpg 0\nb.jpg val\n", PARTITION),
    "three columns": (1, "a.jpg 0 0\nb.jpg 1 0\n", PARTITION),
    "only names": (1, "a.jpg\nb.jpg\n", PARTITION),
    "no partition": (1, "", UNREADABLE),
    "absent partition": (1, None, ABSENT),
    "another order": (1, "b.jpg 0\na.jpg 1\n", OTHERS),
    "one fewer": (1, "a.jpg 0\n", OTHERS),
    "another": (1, "a.jpg 0\nc.jpg 1\n", OTHERS),
}


@pytest.mark.parametrize(("table", "content", "message"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_bad_tables_of_celeba_are_refused(tmp_path, table, content, message):
    contents = [*GOOD]
    contents[table] = content
    paths = write_tables(tmp_path, *contents)
    with pytest.raises(InputError, match=f"^{paths[table]}: {re.escape(message)}"):
        celeba.read_attributes(*paths)


def test_real_metadata_of_waterbirds_hold_the_published_splits(real):
    path = real("waterbirds/metadata.csv")
    table = waterbirds.read_metadata(path.parent)
    lines = [line.split(",") for line in path.read_text().splitlines()[1:]]
    assert list(table.itertuples(index=False, name=None)) == [
        (name, ("train", "val", "test")[split], int(bird), int(place))
        for split in range(3)
        for _, name, bird, of, place, _ in lines
        if int(of) == split
    ]
    assert list(table.columns) == ["id", "part", "feature_a", "feature_b"]
    require_published(waterbirds.SPEC, table)
    examples = five_splits(table, values=2)
    counts = examples["split"].value_counts().to_dict()
    # Table 3 of Sagawa et al. (2020) counts these; the sum is CUB's 11 788 photographs.
    published = {"train": 4795, "val": 1199, "test": 5794}
    assert counts == published | {"probe_train": 1199, "probe_test": 5794}
    assert counts == waterbirds.SPEC.counts
    assert group_counts(examples, "train") == (3498, 184, 56, 1057)


HEADER = "img_id,img_filename,y,split,place,place_filename\n"
BAD_METADATA = {
    "a bird of another kind": (HEADER + "1,a.jpg,2,0,1,p\n", "y should be one of [0, 1]"),
    "no bird": (HEADER + "1,a.jpg,,0,1,p\n", "y should be one of [0, 1]"),
    "no place": (HEADER + "1,a.jpg,1,0,sea,p\n", "place should be one of [0, 1]"),
    "a fourth split": (HEADER + "1,a.jpg,1,3,1,p\n", "split should be one of [0, 1, 2]"),
    "missing columns": ("img_filename,split\na.jpg,0\n", "has no column y, place"),
    "prose": ("no table\n", "has no column img_filename, y, split, place"),
    "unequal lines": ("a\nb\nc,d\n", UNREADABLE),
    "empty": ("", f"{UNREADABLE}No columns to parse from file)"),
    "no text": (b"\xff\xfe\x00\x81", f"{UNREADABLE}'utf-8' codec"),
    "absent": (None, ABSENT),
    "a row without its photograph": (HEADER + "1,,1,0,1,p\n", "a row names no photograph"),
}


@pytest.mark.parametrize(("content", "message"), BAD_METADATA.values(), ids=BAD_METADATA)
def test_bad_metadata_of_waterbirds_are_refused(tmp_path, content, message):
    path = tmp_path / "metadata.csv"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=re.escape(f"{path}: ") + ".*" + re.escape(message)):
        waterbirds.read_metadata(tmp_path)


def test_an_archive_without_the_folder_is_refused(tmp_path, prepare):
    path = tmp_path / "birds.tar.gz"
    with tarfile.open(path, "w:gz"):
        pass
    said = re.escape(f"{path}/{waterbirds.FOLDER}/metadata.csv: {UNREADABLE}")
    with pytest.raises(InputError, match=f"^{said}"):
        prepare(waterbirds, {"images": str(path)})
