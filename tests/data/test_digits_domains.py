import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from feature_quality.artifacts.images import read_images
from feature_quality.artifacts.prepared import Prepared
from feature_quality.data.digits_domains import SPEC, prepare
from feature_quality.data.digits_domains import split as split_digits
from feature_quality.data.spec import Preparation


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits_domains")
    paths = folder / "images.npy", folder / "images.parquet"
    prepare(Preparation({}, {}, *paths))
    stored = read_images(*paths)
    return [Prepared(each, stored.pixels, examples) for each, examples in split_digits(stored, 0)]


@pytest.fixture(scope="module")
def stored(prepared):
    """Return (domain, class, row among scikit-learn's digits, image) of every image."""
    names = prepared[0].examples.drop_duplicates("image").sort_values("image")["id"]
    return [
        (domain, int(kind), int(row), image)
        for (domain, kind, row), image in zip(
            (name.split("/") for name in names), prepared[0].images, strict=True
        )
    ]


DIGITS = load_digits()


def enlarged(row):
    pixels = (DIGITS.images[row] * 255 / 16).round().astype(np.uint8)
    return np.asarray(Image.fromarray(pixels).resize((32, 32), Image.Resampling.BICUBIC))


def of(stored, domain):
    return [(row, image[0]) for found, _, row, image in stored if found == domain][::40]


def test_domains_share_no_digit_and_have_their_sizes(prepared, stored):
    images = prepared[0].images
    assert images.shape == (1797, *SPEC.shape)
    assert images.dtype == np.uint8
    assert (images == images[:, :1]).all()
    assert all(each.images is images for each in prepared)
    assert sorted(row for _, _, row, _ in stored) == list(range(1797))
    counts = dict.fromkeys(SPEC.domains.values(), 0)
    for domain, _, _, _ in stored:
        counts[domain] += 1
    assert tuple(counts.values()) == SPEC.domain_sizes == (450, 449, 449, 449)


def test_classes_are_those_of_the_digits_and_each_domain_is_a_target_once(prepared, stored):
    names = ("plain", "inverted", "rotated", "noisy")
    assert dict(zip("PIRN", names, strict=True)) == SPEC.domains
    assert all(DIGITS.target[row] == kind for _, kind, row, _ in stored)
    for each, letter in zip(prepared, "PIRN", strict=True):
        description = each.description
        assert (description.target, description.dataset) == (letter, f"digits_domains_{letter}")
        assert description.demonstration
        assert description.classes == (tuple("0123456789"), names)
        for row in each.examples[::100].itertuples():
            domain, kind, _ = row.id.split("/")
            assert (row.label, row.feature_a, names[row.feature_b]) == (
                int(kind),
                int(kind),
                domain,
            )
    # 450 digits of the plain domain are 360 and 90, and 449 of others 359 and 90.
    counts = prepared[0].examples["split"].value_counts().to_dict()
    sources = {"train": 3 * (359 - 36), "val": 3 * 36, "test": 3 * 90}
    assert counts == sources | {"probe_train": 360, "probe_test": 90}


def test_a_domain_changes_its_digits(stored):
    for domain, changed in (
        ("plain", lambda image: image),
        ("inverted", lambda image: 255 - image),
        ("rotated", lambda image: image[:, ::-1].T),
    ):
        for row, image in of(stored, domain):
            np.testing.assert_array_equal(image, changed(enlarged(row)))


def test_noise_differs_from_digit_to_digit_and_leaves_them_legible(stored):
    noises = []
    for row, image in of(stored, "noisy"):
        plain = enlarged(row)
        assert np.corrcoef(image.ravel(), plain.ravel())[0, 1] > 0.6
        middle = (plain > 100) & (plain < 155)
        assert middle.sum() > 10
        noises.append((image.astype(int) - plain).ravel())
    assert len({noise.tobytes() for noise in noises}) == len(noises)
    assert abs(np.corrcoef(noises[0], noises[1])[0, 1]) < 0.5
