import random
import re
import shutil
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from feature_quality.artifacts.prepared import SPLITS, read_prepared
from feature_quality.data.domains import FAMILIES, list_images, photographs
from feature_quality.data.photos import write_photos
from feature_quality.errors import InputError

DOMAINS = tuple(FAMILIES["pacs"].domains.values())
SIZES = (10, 20, 14, 30)
CLASSES = 2
NAMES = [
    f"{domain}/{'dog' if row % 2 else 'cat'}/{row:02}.png"
    for domain, size in zip(DOMAINS, SIZES, strict=True)
    for row in range(size)
]


def write_tree(folder, names=NAMES):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(list(name.encode()))
        pixels = rng.integers(0, 256, (9, 13, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name)
    return folder


@pytest.fixture
def tree(tmp_path):
    return write_tree(tmp_path / "PACS")


@pytest.fixture
def publish_small(monkeypatch):
    monkeypatch.setitem(FAMILIES, "pacs", replace(FAMILIES["pacs"], sizes=SIZES, classes=CLASSES))


def read(original, published=False, data_seed=0):
    """Return the four datasets by the letter of their target: description and examples."""
    with photographs(
        original, "pacs", resolution=8, published=published, data_seed=data_seed
    ) as photos:
        return {description.target: (description, rows) for description, rows in photos.datasets}


def members(examples, split):
    return set(examples.loc[examples["split"] == split, "id"])


def halves(datasets):
    """Return the images of each domain's training and test split, where it is the target."""
    return {
        letter: (members(rows, "probe_train"), members(rows, "probe_test"))
        for letter, (_, rows) in datasets.items()
    }


def refusal(original, **options):
    with pytest.raises(InputError) as caught:
        read(original, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("letter", "sizes"),
    [
        # 80 % of 10, 20, 14 and 30 are 8, 16, 11 and 24; a tenth of these 1, 2, 1 and 2.
        ("A", (46, 5, 13, 8, 2)),
        ("C", (39, 4, 11, 16, 4)),
        ("P", (43, 5, 12, 11, 3)),
        ("S", (31, 4, 9, 24, 6)),
    ],
)
def test_three_domains_train_and_the_fourth_is_probed(tree, letter, sizes):
    _, examples = read(tree)[letter]
    assert tuple((examples["split"] == split).sum() for split in SPLITS) == sizes
    parts = [members(examples, split) for split in SPLITS]
    assert sorted(set.union(*parts)) == sorted(NAMES)
    assert sum(map(len, parts)) == len(examples) == len(NAMES)
    target = FAMILIES["pacs"].domains[letter]
    for split, part in zip(SPLITS, parts, strict=True):
        found = {name.split("/")[0] for name in part}
        assert found == ({target} if "probe" in split else {*DOMAINS} - {target})


def test_a_domain_is_split_alike_whoever_is_the_target(tree):
    datasets = read(tree)
    for own, (train, test) in halves(datasets).items():
        for letter, (_, examples) in datasets.items():
            if letter != own:
                learned = members(examples, "train") | members(examples, "val")
                assert train <= learned
                assert test <= members(examples, "test")
    # Nor do the sources that two targets share differ in what is held out.
    held = [members(datasets[letter][1], "val") for letter in "AC"]
    shared = [{name for name in part if name[:2] in ("ph", "sk")} for part in held]
    assert shared[0] == shared[1]


def test_rows_say_what_their_names_do(tree):
    with photographs(tree, "pacs", resolution=8, published=False, data_seed=0) as photos:
        assert photos.names == sorted(NAMES)
        for description, examples in photos.datasets:
            for row in examples.itertuples():
                domain, kind, _ = row.id.split("/")
                assert photos.names[row.image] == row.id
                assert ("cat", "dog")[row.label] == kind
                assert DOMAINS[row.feature_b] == domain
                assert (row.feature_a, row.group) == (row.label, 4 * row.label + row.feature_b)
            assert description.classes == (("cat", "dog"), DOMAINS)
            assert description.dataset == f"pacs_{description.target}"
            assert description.probed == ("class",)
            assert not description.demonstration
            assert description.group_weights is None
    assert [each.target for each, _ in photos.datasets] == ["A", "C", "P", "S"]


def test_no_order_of_the_file_system_matters(tree, tmp_path, monkeypatch):
    expected = read(tree)
    shuffler = random.Random(0)
    other = write_tree(tmp_path / "other", shuffler.sample(NAMES, len(NAMES)))
    listing = Path.iterdir

    def shuffled(self):
        found = list(listing(self))
        return iter(shuffler.sample(found, len(found)))

    monkeypatch.setattr(Path, "iterdir", shuffled)
    for letter, (description, examples) in read(other).items():
        assert description == expected[letter][0]
        assert examples.equals(expected[letter][1])


def test_the_seed_changes_every_split(tree):
    first, again, other = (halves(read(tree, data_seed=seed)) for seed in (0, 0, 1))
    assert first == again
    assert all(first[letter] != other[letter] for letter in "ACPS")


def test_an_image_more_leaves_other_domains_splits_alone(tree):
    before = halves(read(tree))
    write_tree(tree, ["art_painting/cat/000.png", "sketch/dog/zzz.png"])
    after = halves(read(tree))
    assert [letter for letter in "ACPS" if before[letter] == after[letter]] == ["C", "P"]


def test_other_counts_are_refused_with_the_setting_that_allows_them(tree):
    assert refusal(tree, published=True) == (
        f"{tree}: its domains art_painting, cartoon, photo, sketch have (10, 20, 14, 30) images "
        f"of {CLASSES} classes, expected (2048, 2344, 1670, 3929) of 7; for another copy set "
        "domains.pacs.published to false"
    )


@pytest.mark.usefixtures("publish_small")
@pytest.mark.parametrize("published", [True, False])
def test_a_copy_with_the_published_counts_is_none_other(tree, published):
    titles = {description.title for description, _ in read(tree, published).values()}
    assert titles == {"PACS"}


@pytest.mark.usefixtures("publish_small")
def test_another_copy_is_called_one(tree):
    # As many in all, and others in each.
    (tree / "sketch/cat/00.png").rename(tree / "photo/cat/99.png")
    titles = {description.title for description, _ in read(tree).values()}
    assert titles == {"PACS (another copy)"}
    assert "have (10, 20, 15, 29) images" in refusal(tree, published=True)


@pytest.mark.usefixtures("publish_small")
def test_the_published_counts_in_other_classes_are_another_copy(tree):
    (tree / "photo/cat").rename(tree / "photo/bird")
    for domain in set(DOMAINS) - {"photo"}:
        (tree / domain / "bird").mkdir()
        (tree / domain / "cat" / sorted((tree / domain / "cat").iterdir())[0].name).rename(
            tree / domain / "bird" / "one.png"
        )
    (tree / "photo/cat").mkdir()
    (tree / "photo/bird" / sorted((tree / "photo/bird").iterdir())[0].name).rename(
        tree / "photo/cat/one.png"
    )
    assert {each.title for each, _ in read(tree).values()} == {"PACS (another copy)"}
    assert "of 3 classes" in refusal(tree, published=True)


def move_class(tree):
    (tree / "sketch/dog").rename(tree / "sketch/Dog")


def empty_class(tree):
    shutil.rmtree(tree / "photo/cat")
    (tree / "photo/cat").mkdir()


def only_hidden(tree):
    empty_class(tree)
    (tree / "photo/cat/.DS_Store").touch()


BAD = {
    "no domain": (
        lambda tree: shutil.rmtree(tree / "cartoon"),
        ": has no folder cartoon, one of its domains",
    ),
    "a file for a domain": (
        lambda tree: (shutil.rmtree(tree / "cartoon"), (tree / "cartoon").touch()),
        ": has no folder cartoon, one of its domains",
    ),
    "another class": (move_class, ": sketch and art_painting differ in their classes: Dog, dog"),
    "a class less": (
        lambda tree: shutil.rmtree(tree / "photo/cat"),
        ": photo and art_painting differ in their classes: cat",
    ),
    "an empty class": (
        empty_class,
        "/photo/cat: should be a folder of images, one class of photo",
    ),
    "a class of hidden files": (
        only_hidden,
        "/photo/cat: should be a folder of images, one class of photo",
    ),
    "a file for a class": (
        lambda tree: (tree / "photo/labels.txt").touch(),
        "/photo/labels.txt: should be a folder of images, one class of photo",
    ),
    "no image": (
        lambda tree: (tree / "photo/cat/notes.txt").touch(),
        "/photo/cat/notes.txt: is no image; allowed are .jpg, .jpeg, .png",
    ),
    "a folder for an image": (
        lambda tree: (tree / "photo/cat/more.jpg").mkdir(),
        "/photo/cat/more.jpg: is no image; allowed are .jpg, .jpeg, .png",
    ),
}


@pytest.mark.parametrize(("harm", "message"), BAD.values(), ids=BAD)
def test_another_tree_is_refused(tree, harm, message):
    harm(tree)
    assert refusal(tree) == f"{tree}{message}"


def test_a_tree_without_any_class_is_refused(tmp_path):
    for domain in DOMAINS:
        (tmp_path / domain).mkdir()
    refusal(tmp_path)


def test_hidden_files_and_other_folders_are_passed_over(tree):
    expected = halves(read(tree))
    for name in (".DS_Store", "photo/.hidden", "photo/cat/._00.png", "readme.txt"):
        (tree / name).touch()
    (tree / "masks").mkdir()
    assert halves(read(tree)) == expected


def test_every_spelling_of_a_suffix_will_do(tree):
    for row, suffix in enumerate((".PNG", ".Jpg", ".jpeg", ".JPEG")):
        (tree / "photo/cat" / f"x{row}{suffix}").touch()
    counts = list_images(tree, DOMAINS)["domain"].value_counts()
    assert counts["photo"] == 14 + 4


def prepare(original, folder):
    """Write what a family's images and its four datasets' examples are, and return the paths."""
    images = folder / "images.npy"
    examples = [folder / f"{letter}.parquet" for letter in "ACPS"]
    with photographs(original, "pacs", resolution=8, published=False, data_seed=0) as photos:
        write_photos(images, examples, photos, 2)
    return images, examples


def test_four_datasets_share_their_resized_images(tree, tmp_path):
    images, examples = prepare(tree, tmp_path / "out")
    assert sorted((tmp_path / "out").iterdir()) == sorted([images, *examples])
    for letter, path in zip("ACPS", examples, strict=True):
        prepared = read_prepared(images, path)
        description, rows = read(tree)[letter]
        assert prepared.description == description
        assert prepared.examples["id"].tolist() == rows["id"].tolist()
        for split in SPLITS:
            found = prepared.split(split)
            for name, image in list(zip(found.table["id"], found.images, strict=True))[::5]:
                with Image.open(tree / name) as photo:
                    resized = photo.resize((8, 8), Image.Resampling.BILINEAR)
                np.testing.assert_array_equal(image, np.asarray(resized).transpose(2, 0, 1))


def pack(tree, path):
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for each in reversed(NAMES):
                archive.write(tree / each, f"PACS/{each}")
    else:
        with tarfile.open(path, "w:gz") as archive:
            archive.add(tree, "PACS")
    return path


@pytest.mark.parametrize("kind", [".zip", ".tar.gz"])
def test_folder_and_archive_give_equal_bytes(tree, tmp_path, kind):
    images, examples = prepare(tree, tmp_path / "folder")
    others = prepare(pack(tree, tmp_path / f"photos{kind}"), tmp_path / "archive")
    for path, other in zip([images, *examples], [others[0], *others[1]], strict=True):
        assert path.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("packed", [False, True])
def test_an_image_that_cannot_be_decoded_is_named(tree, tmp_path, packed):
    (tree / "sketch/dog/03.png").write_text("<html>")
    original = pack(tree, tmp_path / "photos.zip") if packed else tree
    place = f"{original}/PACS" if packed else f"{tree}"
    said = re.escape(f"{place}: sketch/dog/03.png cannot be decoded as an image (")
    with pytest.raises(InputError, match=f"^{said}"):
        prepare(original, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_messages_about_an_archive_name_it(tree, tmp_path):
    path = pack(tree, tmp_path / "photos.zip")
    assert refusal(path, published=True).startswith(f"{path}/PACS: its domains art_painting, ")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("PACS/photo/cat/notes.txt", "")
    said = f"{path}/PACS/photo/cat/notes.txt: is no image; allowed are .jpg, .jpeg, .png"
    assert refusal(path) == said


def test_real_domains_have_their_published_counts(data_dir, tmp_path):
    path = data_dir / "pacs64" / "pacs64.tar.gz"
    if not path.exists():
        pytest.skip(
            f"real data absent ({path}): let FEATURE_QUALITY_DATA name a directory with "
            "pacs64/pacs64.tar.gz"
        )
    with tarfile.open(path) as archive:
        archive.extractall(tmp_path, filter="data")
    images = list_images(tmp_path / "pacs64", DOMAINS)
    counts = images["domain"].value_counts()
    assert tuple(counts[list(DOMAINS)]) == FAMILIES["pacs"].sizes == (2048, 2344, 1670, 3929)
    assert images["class"].nunique() == FAMILIES["pacs"].classes == 7
