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

from feature_quality.artifacts.images import StoredImages, read_images
from feature_quality.artifacts.prepared import SPLITS
from feature_quality.data.domains import (
    list_images,
    photographs,
    prepare_domains,
    split_domains,
)
from feature_quality.data.pacs import SPEC
from feature_quality.data.spec import Preparation
from feature_quality.errors import InputError

DOMAINS = tuple(SPEC.domains.values())
SIZES = (10, 20, 14, 30)
SMALL = replace(SPEC, domain_sizes=SIZES, class_count=2)
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


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return write_tree(tmp_path_factory.mktemp("original") / "PACS")


@pytest.fixture(scope="module")
def datasets(original):
    return read(original)


@pytest.fixture
def tree(original, tmp_path):
    """Return a copy that may be changed."""
    return Path(shutil.copytree(original, tmp_path / "PACS"))


def read(place, published=False, seed=0, spec=SPEC):
    """Return the four datasets by the letter of their target: description and examples."""
    with photographs(place, spec, resolution=8, published=published) as photos:
        stored = StoredImages(photos.info, photos.targets, photos.table, None, "")
        return {each.target: (each, rows) for each, rows in split_domains(stored, seed)}


def members(examples, split):
    return set(examples.loc[examples["split"] == split, "id"])


def halves(datasets):
    """Return the images of each domain's training and test split, where it is the target."""
    return {
        letter: (members(rows, "probe_train"), members(rows, "probe_test"))
        for letter, (_, rows) in datasets.items()
    }


def refusal(place, **options):
    with pytest.raises(InputError) as caught:
        read(place, **options)
    return str(caught.value)


@pytest.mark.parametrize(("kept", "refused"), [(2, True), (3, True), (4, False)])
def test_domains_without_an_image_for_validation_are_refused(tree, kept, refused):
    for images in (domain / name for domain in tree.iterdir() for name in ("cat", "dog")):
        for image in sorted(images.iterdir())[kept:]:
            image.unlink()
    said = f"too few images: none is left for val where {DOMAINS[0]} is the target"
    if refused:
        assert said in refusal(tree, seed=0)
    else:
        read(tree, seed=0)


def test_a_class_with_one_image_for_probes_is_named(tree):
    for image in sorted((tree / DOMAINS[0] / "dog").iterdir())[1:]:
        image.unlink()
    # Whether it is for training the probe or for testing it.
    for seed in range(3):
        assert f"the training split of domain {DOMAINS[0]} has fewer than 2 images of dog" in (
            refusal(tree, seed=seed)
        )


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
def test_three_domains_train_and_the_fourth_is_probed(original, datasets, letter, sizes):
    description, examples = datasets[letter]
    assert tuple((examples["split"] == split).sum() for split in SPLITS) == sizes
    parts = [members(examples, split) for split in SPLITS]
    assert sorted(set.union(*parts)) == sorted(NAMES)
    assert sum(map(len, parts)) == len(examples) == len(NAMES)
    target = SPEC.domains[letter]
    for split, part in zip(SPLITS, parts, strict=True):
        found = {name.split("/")[0] for name in part}
        assert found == ({target} if "probe" in split else {*DOMAINS} - {target})
    for row in examples.itertuples():
        domain, kind, _ = row.id.split("/")
        assert sorted(NAMES)[row.image] == row.id
        assert ("cat", "dog")[row.label] == kind
        assert DOMAINS[row.feature_b] == domain
        assert (row.feature_a, row.group) == (row.label, 4 * row.label + row.feature_b)
    assert description.classes == (("cat", "dog"), DOMAINS)
    assert (description.target, description.dataset) == (letter, f"pacs_{letter}")
    assert description.probed == ("class",)
    assert not description.demonstration
    assert description.group_weights is None


def test_a_domain_is_split_alike_whoever_is_the_target(datasets):
    assert list(datasets) == ["A", "C", "P", "S"]
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


def test_no_order_of_the_file_system_matters(datasets, tmp_path, monkeypatch):
    shuffler = random.Random(0)
    other = write_tree(tmp_path / "other", shuffler.sample(NAMES, len(NAMES)))
    listing = Path.iterdir

    def shuffled(self):
        found = list(listing(self))
        return iter(shuffler.sample(found, len(found)))

    monkeypatch.setattr(Path, "iterdir", shuffled)
    for letter, (description, examples) in read(other).items():
        assert description == datasets[letter][0]
        assert examples.equals(datasets[letter][1])


def test_the_seed_changes_every_split_and_an_image_more_its_own_domains(tree):
    first, again, other = (halves(read(tree, seed=seed)) for seed in (0, 0, 1))
    assert first == again
    assert all(first[letter] != other[letter] for letter in "ACPS")
    write_tree(tree, ["art_painting/cat/000.png", "sketch/dog/zzz.png"])
    after = halves(read(tree))
    assert [letter for letter in "ACPS" if first[letter] == after[letter]] == ["C", "P"]


def titles(tree, spec=SMALL, published=False):
    with photographs(tree, spec, resolution=8, published=published) as photos:
        return {photos.info.title}


def test_other_counts_are_of_another_copy_and_refused_with_the_setting_that_allows_it(tree):
    assert refusal(tree, published=True) == (
        f"{tree}: its domains art_painting, cartoon, photo, sketch have (10, 20, 14, 30) images "
        "of 2 classes, expected (2048, 2344, 1670, 3929) of 7; for another copy set "
        "domains.pacs.published to false"
    )
    assert titles(tree, SPEC) == {"PACS (another copy)"}
    assert titles(tree) == titles(tree, published=True) == {"PACS"}
    # As many in all, and others in each.
    (tree / "sketch/cat/00.png").rename(tree / "photo/cat/99.png")
    assert titles(tree) == {"PACS (another copy)"}
    assert "have (10, 20, 15, 29) images" in refusal(tree, published=True, spec=SMALL)
    # As many in each, and other classes.
    (tree / "photo/cat/99.png").rename(tree / "sketch/cat/00.png")
    for domain in DOMAINS:
        (tree / domain / "bird").mkdir()
        one = min((tree / domain / "cat").iterdir())
        one.rename(tree / domain / "bird" / one.name)
    assert titles(tree) == {"PACS (another copy)"}
    assert "of 3 classes" in refusal(tree, published=True, spec=SMALL)


NO_DOMAIN = ": has no folder cartoon, one of its domains"
NO_CLASS = ": should be a folder of images, one class of photo"
NO_IMAGE = ": is no image; allowed are .jpg, .jpeg, .png"
# (what is removed, a folder, or a file in the tree, as - / or nothing says; the message)
BAD = [
    ("-cartoon", NO_DOMAIN),
    ("cartoon", NO_DOMAIN),
    ("cartoon/", "/cartoon: has no class"),
    ("-sketch/dog sketch/Dog/1.png", ": sketch and art_painting differ in their classes: Dog, dog"),
    ("-photo/cat", ": photo and art_painting differ in their classes: cat"),
    ("photo/cat/", f"/photo/cat{NO_CLASS}"),
    (
        " ".join(f"-{domain}/dog" for domain in DOMAINS),
        ": its domains have one class, cat; at least 2 are needed",
    ),
    ("photo/cat/ photo/cat/.DS_Store", f"/photo/cat{NO_CLASS}"),
    ("photo/labels.txt", f"/photo/labels.txt{NO_CLASS}"),
    ("photo/cat/notes.txt", f"/photo/cat/notes.txt{NO_IMAGE}"),
    ("photo/cat/more.jpg/", f"/photo/cat/more.jpg{NO_IMAGE}"),
]


@pytest.mark.parametrize(("changes", "message"), BAD)
def test_another_tree_is_refused(tree, changes, message):
    for change in changes.split():
        path = tree / change.removeprefix("-")
        shutil.rmtree(path, ignore_errors=True)
        if change.endswith("/"):
            path.mkdir()
        elif not change.startswith("-"):
            path.parent.mkdir(exist_ok=True)
            path.touch()
    assert refusal(tree) == f"{tree}{message}"


def test_hidden_files_and_other_folders_are_passed_over_and_any_suffix_will_do(tree, datasets):
    for name in (".DS_Store", "photo/.hidden", "photo/cat/._00.png", "readme.txt"):
        (tree / name).touch()
    (tree / "masks").mkdir()
    assert halves(read(tree)) == halves(datasets)
    for row, suffix in enumerate((".PNG", ".Jpg", ".jpeg", ".JPEG")):
        (tree / "photo/cat" / f"x{row}{suffix}").touch()
    counts = list_images(tree, DOMAINS)["domain"].value_counts()
    assert counts["photo"] == 14 + 4


def prepare(original, folder):
    """Write the images of all domains, and return the paths."""
    paths = folder / "images.npy", folder / "images.parquet"
    settings = {"resolution": 8, "published": False}
    prepare_domains(SPEC, Preparation({"images": str(original)}, settings, *paths, threads=2))
    return paths


def pack(tree, path, root="PACS"):
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for each in reversed(NAMES):
                archive.write(tree / each, f"{root}/{each}")
            # As macOS packs them.
            archive.writestr(f"__MACOSX/{root}/._notes", "")
    else:
        with tarfile.open(path, "w:gz") as archive:
            archive.add(tree, root)
    return path


def test_datasets_share_their_resized_images_from_folder_or_archive(original, split, tmp_path):
    paths = prepare(original, tmp_path / "out")
    assert sorted((tmp_path / "out").iterdir()) == sorted(paths)
    for prepared in split(split_domains, read_images(*paths)):
        for name in SPLITS:
            found = prepared.split(name)
            for id_, image in list(zip(found.table["id"], found.images, strict=True))[::5]:
                with Image.open(original / id_) as photo:
                    resized = photo.resize((8, 8), Image.Resampling.BILINEAR)
                np.testing.assert_array_equal(image, np.asarray(resized).transpose(2, 0, 1))
    # DomainBed's archive of PACS has another root; some copies have two.
    for root, kind in (("PACS", ".zip"), ("PACS", ".tar.gz"), ("kfold", ".zip"), ("a/b", ".zip")):
        archive = pack(original, tmp_path / f"{root[0]}{kind}", root)
        others = prepare(archive, tmp_path / f"from {root[0]}{kind}")
        for path, other in zip(paths, others, strict=True):
            assert path.read_bytes() == other.read_bytes()


def test_messages_about_an_archive_name_it(tree, tmp_path):
    (tree / "sketch/dog/03.png").write_text("<html>")
    path = pack(tree, tmp_path / "photos.zip")
    assert refusal(path, published=True).startswith(f"{path}/PACS: its domains art_painting, ")
    said = re.escape(f"{path}/PACS: sketch/dog/03.png cannot be decoded as an image (")
    with pytest.raises(InputError, match=f"^{said}"):
        prepare(path, tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("PACS/photo/cat/notes.txt", "")
    assert refusal(path) == f"{path}/PACS/photo/cat/notes.txt{NO_IMAGE}"


def test_real_domains_have_their_published_counts(real, tmp_path):
    with tarfile.open(real("pacs64/pacs64.tar.gz")) as archive:
        for member in archive:
            # Only names matter here.
            if member.isdir():
                (tmp_path / member.name).mkdir(parents=True, exist_ok=True)
            else:
                (tmp_path / member.name).touch()
    images = list_images(tmp_path / "pacs64", DOMAINS)
    counts = images["domain"].value_counts()
    assert tuple(counts[list(DOMAINS)]) == SPEC.domain_sizes == (2048, 2344, 1670, 3929)
    assert images["class"].nunique() == SPEC.class_count == 7
