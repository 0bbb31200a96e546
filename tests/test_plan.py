from typing import Any

import pytest

from feature_quality.config.settings import DATASETS, load
from feature_quality.plan import cost

WORKLOAD: dict[str, Any] = {
    "dataset": "pacs_A",
    "resolution": 64,
    "own": None,
    "network": "resnet18",
    "lrs": 1,
    "rhos": [0, 0.05],
    "seeds": 2,
    "epochs": 3,
    "snapshots": 1,
    "draws": 1,
    "per_group": None,
    "probed": None,
}
# 0.8 of 2344 + 1670 + 3929 images, less a tenth.
TRAIN = 5719
# Three epochs of two seeds of SGD and, twice as dear, SAM; and of both, at two checkpoints, the
# weights of examples, two passes each.
PASSES = 3 * 2 * (1 + 2) + 2 * 2 * 2 * 2
BACKBONES = {"resnet18": 11_176_512, "resnet50": 23_508_032}


def test_a_target_domain_by_hand() -> None:
    found = cost(**WORKLOAD)
    training = PASSES * TRAIN * 64**2 / 0.39e6
    # One probe a run, on 0.8 of 2048 images, and three jobs besides a selection's two a seed.
    probes, jobs = 4 * 1.638, (4 * 3 + 2 * 2) * 3
    assert (found.name, found.runs) == ("pacs_A", 4)
    assert found.hours == pytest.approx((training + probes + jobs) / 3600)


@pytest.mark.parametrize(("network", "features"), [("resnet18", 512), ("resnet50", 2048)])
def test_the_disk_of_a_target_domain_by_hand(network: str, features: int) -> None:
    found = cost(**WORKLOAD | {"network": network})
    # A quarter of the 9991 images, which four datasets share.
    images = 2497 * 3 * 64**2
    weights = BACKBONES[network] + 7 * features + 7
    embedded = 1589 + 1638 + 410
    assert found.bytes == images + 4 * (4 * 2 * weights + 4 * embedded * features)


def test_resolutions_differ_by_their_pixels() -> None:
    small, large = cost(**WORKLOAD), cost(**WORKLOAD | {"resolution": 224})
    pixels = 224**2 - 64**2
    assert large.hours - small.hours == pytest.approx(PASSES * TRAIN * pixels / 0.39e6 / 3600)
    assert large.bytes - small.bytes == 2497 * 3 * pixels


def test_target_domains_differ_by_their_sizes() -> None:
    changes: list[dict[str, Any]] = [{}, {"dataset": "pacs_S"}]
    art, sketch = [cost(**WORKLOAD | change).hours for change in changes]
    training = PASSES * (4365 - TRAIN) * 64**2 / 0.39e6
    probes = 4 * (3.143 - 1.638)
    assert sketch - art == pytest.approx((training + probes) / 3600)


def test_the_users_own_dataset_by_hand(own: dict[str, Any]) -> None:
    found = cost(**WORKLOAD | load(own).workload("own") | {"lrs": 1, "rhos": [0], "seeds": 1})
    # 5 training images, 20 epochs, and the weights of SGD's and SAM's chosen run at 5 checkpoints.
    training = (20 + 2 * 2 * 5) * 5 * 64**2 / 4.5e6
    # Two features, five draws of two images of each of four groups.
    probes, jobs = 2 * 5 * 0.008, (1 + 2 + 2) * 3
    assert found.hours == pytest.approx((training + probes + jobs) / 3600)
    # The three-layer CNN on 64 × 64 pixels, at 5 checkpoints; 4 test images, and 8 + 4 probed.
    features = 128 * 8 * 8
    weights = (3 * 25 + 1) * 32 + (32 * 9 + 1) * 64 + (64 * 9 + 1) * 128 + (features + 1) * 2
    assert found.bytes == 17 * 3 * 64**2 + 4 * (5 * weights + (4 + 8 + 4) * features)


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_dataset_has_a_cost(dataset: str, own: dict[str, Any]) -> None:
    found = cost(**load(own).workload(dataset))
    assert found.name == dataset
    assert found.runs > 0
    assert found.bytes > 0
    assert found.hours > 0
