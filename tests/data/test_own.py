import re
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from feature_quality.artifacts.prepared import SPLITS
from feature_quality.data import own
from feature_quality.data.own import has_split, read_table, scale, smallest_group
from feature_quality.data.photos import five_splits
from feature_quality.errors import InputError

FEATURES = ("pet", "place")
PETS, PLACES = ("cat", "dog", "eel"), ("home", "sea")
PAIRS = list(product(PETS, PLACES))
# The rarest pairs first; eels at home are in no training image.
TRAIN = [("dog", "sea"), ("eel", "sea"), ("cat", "home"), ("cat", "home"), ("dog", "home")]
HEADER = "place,image,note,split,pet"


def row(number: int, split: str, pet: str, place: str) -> str:
    return f'{place},in/{number}.png,"a, b",{split},{pet}'


# The splits are mixed, and columns in another order and of other kinds.
LINES = [
    *(row(number, "test", *pair) for number, pair in enumerate(PAIRS)),
    *(row(number, "train", *pair) for number, pair in enumerate(TRAIN, start=10)),
    *(row(number, "val", *pair) for number, pair in enumerate(PAIRS * 2, start=20)),
]


def table(tmp_path: Path, *lines: str, header: str = HEADER) -> Path:
    path = tmp_path / "pets.csv"
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return path


def pixels(number: int) -> np.ndarray:
    return np.full((8, 6, 3), (number, 2 * number, 255 - number), dtype=np.uint8)


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """A directory of images with the table beside it."""
    (tmp_path / "images" / "in").mkdir(parents=True)
    for line in LINES:
        name = line.split(",")[1]
        number = int(Path(name).stem)
        Image.fromarray(pixels(number)).save(tmp_path / "images" / name)
    table(tmp_path, *LINES)
    return tmp_path


@pytest.fixture
def prepare_pets(prepare):
    def prepare_pets(place: Path, title: str = "Pets"):
        originals = {"images": str(place / "images"), "table": str(place / "pets.csv")}
        return prepare(own, originals, title=title, features=FEATURES, domains=None, resolution=4)

    return prepare_pets


def test_images_come_by_split_and_then_as_in_the_table(tmp_path):
    images, classes = read_table(table(tmp_path, *LINES), FEATURES)
    assert classes == (PETS, PLACES)
    ids = [f"in/{number}.png" for number in (*range(10, 15), *range(20, 32), *range(6))]
    assert images["id"].tolist() == ids
    assert images["part"].tolist() == ["train"] * 5 + ["val"] * 12 + ["test"] * 6
    assert images["feature_a"].tolist()[:5] == [1, 2, 0, 0, 1]
    assert images["feature_b"].tolist()[:5] == [1, 1, 0, 0, 0]
    # Three pets at two places: the place varies the fastest.
    groups = five_splits(images, values=2)["group"].tolist()
    assert groups[:5] == [3, 5, 0, 0, 2]
    assert groups[17:23] == [*range(6)]

    # The other feature may be the label.
    images, classes = read_table(tmp_path / "pets.csv", FEATURES[::-1])
    assert classes == (PLACES, PETS)
    assert images["feature_a"].tolist()[:5] == [1, 1, 0, 0, 0]
    assert five_splits(images, values=3)["group"].tolist()[:5] == [4, 5, 0, 0, 1]


def test_the_smallest_group_is_named_and_a_bad_table_is_left_to_be_refused(tmp_path):
    more = [row(40 + number, "val", *pair) for number, pair in enumerate(PAIRS) if pair != PAIRS[3]]
    path = table(tmp_path, *LINES, *more)
    assert smallest_group(path, FEATURES) == (2, "pet 'dog' with place 'sea'")
    assert smallest_group(tmp_path / "none.csv", FEATURES) is None


def test_a_table_without_splits_leaves_them_to_the_seeds(tmp_path):
    lines = [f"in/{n}.png,{pet},{place}" for n, (pet, place) in enumerate(PAIRS * 7)]
    path = table(tmp_path, *lines, header="image,pet,place")
    images, classes = read_table(path, FEATURES)
    assert not has_split(path)
    assert classes == (PETS, PLACES)
    assert images["id"].tolist() == [f"in/{n}.png" for n in range(42)]
    assert set(images["part"]) == {""}
    # Six of a pair are one for test and one for validation, where a probe needs two.
    path = table(tmp_path, *lines[:36], header="image,pet,place")
    with pytest.raises(InputError, match="val has 1 of pet 'cat' with place 'home'"):
        read_table(path, FEATURES)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfe\x00\x81", None])
def test_what_is_no_table_is_refused_and_a_header_tells_of_splits(tmp_path, content):
    path = tmp_path / "pets.csv"
    if content is not None:
        path.write_bytes(content)
    # An absent table is refused, not split.
    assert has_split(path) == (content is None)
    with pytest.raises(InputError, match=re.escape(f"{path}: ")):
        read_table(path, FEATURES)
    path.write_bytes(b"\xef\xbb\xbf\nimage, split ,pet\n")
    assert has_split(path)


def test_values_are_sorted_text(tmp_path):
    values = {"cat": "10", "dog": "9", "eel": "NA", "home": "1.0", "sea": "1"}
    lines = [
        line.replace(pet, values[pet]).replace(place, values[place])
        for line in LINES
        for pet, place in [(line.split(",")[-1], line.split(",")[0])]
    ]
    _, classes = read_table(table(tmp_path, *lines), FEATURES)
    assert classes == (("10", "9", "NA"), ("1", "1.0"))


def test_what_spreadsheets_write(tmp_path):
    plain = read_table(table(tmp_path, *LINES), FEATURES)
    text = "\r\n".join([HEADER, *LINES, "", ""]).replace(",dog", ", dog ").encode("utf-8-sig")
    (tmp_path / "pets.csv").write_bytes(text)
    found = read_table(tmp_path / "pets.csv", FEATURES)
    assert found[0].equals(plain[0])
    assert found[1] == plain[1]


def test_every_example_has_its_own_image(pets, prepare_pets, split):
    (prepared,) = split(own.split, prepare_pets(pets))
    assert prepared.images.shape == (23, 3, 4, 4)
    for part in SPLITS:
        examples = prepared.split(part)
        for image, name in zip(examples.images, examples.table["id"], strict=True):
            number = int(Path(name).stem)
            assert image[:, 0, 0].tolist() == pixels(number)[0, 0].tolist()
            assert (image == image[:, :1, :1]).all()
    description = prepared.description
    assert (description.dataset, description.title) == ("pets", "Pets")
    assert description.features == FEATURES
    assert description.classes == (PETS, PLACES)
    assert description.custom
    assert not description.demonstration
    assert description.target == ""
    # Cats at home, at sea, dogs at home, at sea, eels at home, at sea.
    assert description.group_weights == (2 / 5, 0, 1 / 5, 1 / 5, 0, 1 / 5)
    assert description.channel_mean == (0.485, 0.456, 0.406)


@pytest.mark.parametrize("size", [(12, 8), (9, 12), (8, 8), (333, 500), (5, 7)])
def test_the_central_square_is_scaled(size):
    width, height = size
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    photo, side = Image.fromarray(noise), min(size)
    left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, left + side, top + side)
    expected = photo.resize((6, 6), Image.Resampling.BILINEAR, box=box)
    np.testing.assert_array_equal(np.asarray(scale(photo, 6)), np.asarray(expected))


def test_a_square_of_that_size_stays_and_a_thin_image_is_cheap():
    noise = np.random.default_rng(0).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    np.testing.assert_array_equal(np.asarray(scale(Image.fromarray(noise), 8)), noise[:, 2:10])
    assert scale(Image.new("RGB", (1_000_000, 1)), 64).size == (64, 64)


def without(*words: str) -> list[str]:
    """The lines that do not hold all of some words."""
    return [line for line in LINES if not all(word in line.split(",") for word in words)]


def changed(number: int, old: str, new: str) -> list[str]:
    """The lines with another word on one of them; the header is line 1."""
    assert old in LINES[number - 2]
    return [
        line.replace(old, new) if place == number else line
        for place, line in enumerate(LINES, start=2)
    ]


PAIRS_NEEDED = (
    ": probes need each pair of values at least 2 times in val and 1 time in test:\n"
    "  test has 0 of pet 'dog' with place 'sea'"
)
TWO_LACK = (
    "1 time in test:\n  val has 1 of pet 'dog' with place 'sea'\n"
    "  val has 1 of pet 'eel' with place 'sea'"
)
ONE = " throughout; a feature needs at least 2 values"
BELOW = "should be a path below the directory of images"
# (lines, what the message holds)
BAD = {
    "an unknown split": (
        changed(3, "test", "dev"),
        ": line 3: split is 'dev', should be one of train, val, test",
    ),
    "no rows": ([], ": has no row of split train"),
    "a spelling and its twin": (
        [each.replace("cat", "caf\u00e9") for each in changed(3, "cat", "cafe\u0301")],
        ": pet: 'caf\u00e9' is written in two ways that look alike, composed and decomposed",
    ),
    "a space and its twin": (
        changed(3, "cat", "c\u00a0at"),
        ": pet: 'c\\xa0at' has characters that cannot be seen; write others",
    ),
    "a broken line": ([each.replace("cat", '"c\nat"') for each in LINES], r": pet: 'c\nat' has"),
    "letters without a font": (
        [each.replace("cat", "\u732b") for each in LINES],
        ": pet: the font of the figures (DejaVu Sans) has no \u732b; write",
    ),
    "no validation": (without("val"), ": has no row of split val"),
    "one pet": ([line for line in LINES if line.endswith("cat")], f": pet is 'cat'{ONE}"),
    "one place": ([line for line in LINES if line.startswith("sea")], f": place is 'sea'{ONE}"),
    "a pet that is not trained on": (
        without("train", "eel"),
        ": pet 'eel' occurs in val and not in train; a network learns the values",
    ),
    "a missing pair in test": (without("test", "dog", "sea"), PAIRS_NEEDED),
    "missing pairs in validation": (
        [*without("val", "dog", "sea")[:-1], row(99, "val", "dog", "sea")],
        TWO_LACK,
    ),
    "an empty cell": (changed(9, ",eel", ", "), ": line 9: pet is empty"),
    "no image": (changed(4, "in/2.png", ""), ": line 4: image is empty"),
    "a short line": (changed(8, ",train", ""), ": line 8: has 4 cells, and the first line 5"),
    "a long line": (changed(8, "dog", "dog,"), ": line 8: has 6 cells, and the first line 5"),
    "an image twice": (
        changed(5, "in/3.png", "./in//1.png"),
        ": line 5: in/1.png is listed on line 3 already",
    ),
    "an absolute path": (changed(2, "in/0.png", "/in/0.png"), f": line 2: /in/0.png {BELOW}"),
    "out": (changed(2, "in/0.png", "in/../../0.png"), f": line 2: in/../../0.png {BELOW}"),
    "an open quote": (changed(3, '"a, b"', '"a, b'), ": cannot be read as a table ("),
    "lines are those of the file": (
        [LINES[0].replace("a, b", "a\nb"), "", LINES[1].replace("test", "dev")],
        ": line 5: split is 'dev'",
    ),
}
BAD_HEADERS = {
    "image,split": (
        "should have one column pet and one column place, with commas between columns; its "
        "first line is 'image,split'"
    ),
    HEADER.replace("note", "pet"): "should have one column pet, with",
    HEADER.replace("split", "Split"): "the column 'Split' should be called 'split'",
    HEADER.replace(",", ";"): "its first line is 'place;image;note;split;pet'",
}


@pytest.mark.parametrize(("lines", "message"), BAD.values(), ids=BAD)
def test_a_bad_table_is_refused(tmp_path, lines, message):
    path = table(tmp_path, *lines)
    with pytest.raises(InputError, match=f"^{re.escape(str(path))}.*{re.escape(message)}"):
        read_table(path, FEATURES)


@pytest.mark.parametrize(("header", "message"), BAD_HEADERS.items())
def test_a_bad_header_is_refused(tmp_path, header, message):
    path = table(tmp_path, *LINES, header=header)
    with pytest.raises(InputError, match=f"^{re.escape(str(path))}: .*{re.escape(message)}"):
        read_table(path, FEATURES)


def test_many_missing_pairs_are_named_in_part(tmp_path):
    """Two columns of names for features: nearly every pair is missing."""
    lines = [
        f"place {number},{split}/{number}.png,-,{split},pet {number}"
        for split in ("train", "val", "test")
        for number in range(1000)
    ]
    with pytest.raises(InputError) as refusal:
        read_table(table(tmp_path, *lines), FEATURES)
    said = str(refusal.value).split("\n")
    assert said[1].startswith("  val has 1 of pet 'pet 0' with place 'place 0'")
    assert (len(said), said[-1]) == (10, "  …")


def test_a_folder_for_an_image_is_refused_and_nothing_is_left(pets, prepare_pets, outputs):
    path = pets / "images" / "in" / "23.png"
    path.unlink()
    path.mkdir()
    said = f"{path.parents[1]}: in/23.png cannot be read ([Errno 21]"
    with pytest.raises(InputError, match=re.escape(said)):
        prepare_pets(pets)
    assert list(outputs[0].parent.iterdir()) == []


def test_a_title_without_a_font_and_a_table_in_utf_16_are_refused(pets, prepare_pets, outputs):
    with pytest.raises(
        InputError, match=r"^own.*\.title: the font of the figures .* has no 動 物;"
    ):
        prepare_pets(pets, "動物")
    path = pets / "pets.csv"
    path.write_text(path.read_text(encoding="utf-8"), encoding="utf-16")
    with pytest.raises(InputError, match=f"^{path}: is not in UTF-8 .*; save it as UTF-8$"):
        prepare_pets(pets)
    assert not outputs[0].exists()
