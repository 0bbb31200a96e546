from typing import Any

import pytest

from feature_quality.config.settings import load
from feature_quality.data.datasets import DATASETS
from feature_quality.errors import InputError
from feature_quality.plan import Cost, cost, describe, toy_cost
from feature_quality.training.models import network_size

WORKLOAD: dict[str, Any] = {
    "dataset": "pacs_A",
    "resolution": 64,
    "own": None,
    "network": "resnet18",
    "lrs": 1,
    "radii": {"sgd": 1, "sam": 1},
    "seeds": 2,
    "epochs": 3,
    "snapshots": 1,
    "draws": 1,
    "per_group": None,
    "probed": None,
}
# 0.8 of 2344 + 1670 + 3929 images, less a tenth.
TRAIN = 5719
# The weights of examples, of two seeds of SGD and SAM at two checkpoints, two passes each.
WEIGHING = 2 * 2 * 2 * 2
BACKBONES = {"resnet18": 11_176_512, "resnet50": 23_508_032}


def training_seconds(passes: float, examples: int, side: int, network: str = "resnet18") -> float:
    return passes * examples * network_size(network, (3, side, side), 7).multiply_adds / 13e9


def test_a_target_domain_by_hand() -> None:
    found = cost(**WORKLOAD)
    # Three epochs of two seeds of SGD and, twice as dear, SAM.
    training = training_seconds(3 * 2 * (1 + 2) + WEIGHING, TRAIN, 64)
    # One probe per run, on 0.8 of 2048 images, and three jobs besides the weights' two per seed.
    probes, jobs = 4 * 1.638, (4 * 3 + 2 * 2) * 3
    assert (found.name, found.runs) == ("pacs_A", 4)
    assert found.hours == pytest.approx((training + probes + jobs) / 3600)


def test_methods_differ_by_their_gradients_and_radii() -> None:
    found = cost(**WORKLOAD | {"radii": {"sgd": 1, "lsam": 2, "asam": 3}, "probed": 10})
    # A step of LSAM takes one gradient of the whole network, one of ASAM two.
    training = training_seconds(3 * 2 * (1 + 2 + 3 * 2) + 2 * WEIGHING, TRAIN, 64)
    probes, jobs = 10 * 1.638, (12 + 10 * 2 + 2 * 2 * 2) * 3
    assert found.runs == 12
    assert found.hours == pytest.approx((training + probes + jobs) / 3600)
    baseline = cost(**WORKLOAD | {"radii": {"sgd": 1}})
    expected = training_seconds(3 * 2, TRAIN, 64) + 2 * 1.638 + 2 * 3 * 3
    assert baseline.hours == pytest.approx(expected / 3600)


@pytest.mark.parametrize(("network", "features"), [("resnet18", 512), ("resnet50", 2048)])
def test_the_disk_of_a_target_domain_by_hand(network: str, features: int) -> None:
    found = cost(**WORKLOAD | {"network": network})
    # A quarter of the 9991 images, which four datasets share.
    images = 2497 * 3 * 64**2
    weights = BACKBONES[network] + 7 * features + 7
    embedded = 1589 + 1638 + 410
    assert found.bytes == images + 4 * (4 * 2 * weights + 4 * embedded * features)


def test_resolutions_and_target_domains_differ_by_their_sizes() -> None:
    small, large = cost(**WORKLOAD), cost(**WORKLOAD | {"resolution": 96})
    passes = 3 * 2 * (1 + 2) + WEIGHING
    grown = training_seconds(passes, TRAIN, 96) - training_seconds(passes, TRAIN, 64)
    assert large.hours - small.hours == pytest.approx(grown / 3600)
    assert large.bytes - small.bytes == 2497 * 3 * (96**2 - 64**2)
    sketch = cost(**WORKLOAD | {"dataset": "pacs_S"})
    grown = training_seconds(passes, 4365 - TRAIN, 64) + 4 * (3.143 - 1.638)
    assert sketch.hours - small.hours == pytest.approx(grown / 3600)


def test_a_custom_dataset_by_hand(own: dict[str, Any]) -> None:
    radii = {"sgd": 1, "lsam": 1}
    found = cost(**WORKLOAD | load(own).workload("own") | {"lrs": 1, "radii": radii, "seeds": 1})
    # 5 training images, 20 epochs, and the weights of two chosen runs at 5 checkpoints.
    adds = network_size("cnn", (3, 64, 64), 2).multiply_adds
    training = (2 * 20 + 2 * 2 * 5) * 5 * adds / 13e9
    # Two features, five draws of two images of each of four groups.
    probes, jobs = 2 * 2 * 5 * 0.008, (2 + 2 * 2 + 2) * 3
    assert found.hours == pytest.approx((training + probes + jobs) / 3600)
    # The three-layer CNN on 64 × 64 pixels, at 5 checkpoints; 4 test images, and 8 + 4 probed.
    features = 128 * 8 * 8
    weights = (3 * 25 + 1) * 32 + (32 * 9 + 1) * 64 + (64 * 9 + 1) * 128 + (features + 1) * 2
    assert found.bytes == 17 * 3 * 64**2 + 4 * 2 * (5 * weights + (4 + 8 + 4) * features)


@pytest.mark.parametrize("dataset", DATASETS)
def test_every_dataset_has_a_cost(dataset: str, own: dict[str, Any]) -> None:
    found = cost(**load(own).workload(dataset))
    assert (found.name, found.runs > 0) == (dataset, True)
    assert found.bytes > 0
    assert found.hours > 0


def test_a_network_of_timm_has_a_cost_if_there_is_one() -> None:
    assert cost(**WORKLOAD | {"network": "timm:tf_efficientnet_lite0"}).hours > 0
    with pytest.raises(InputError, match="timm has no model 'none'"):
        cost(**WORKLOAD | {"network": "timm:none"})


def test_the_toy_and_the_total() -> None:
    axes = {"seed": (0, 1), "complexity": (180,), "batch_size": (5, 10), "steps": (100,)}
    toy = toy_cost([axes, axes | {"batch_size": (5,)}])
    assert (toy.name, toy.runs) == ("toy", 4 + 2)
    steps = 100 * ((4 + 2) * 12e-6 + (4 * 5 + 2 * 10) * 3e-6)
    assert toy.hours == pytest.approx((2 * 3 + steps) / 3600)
    lines = describe([Cost("a", 3, 2e9, 1.5), Cost("b", 4, 5e8, 0.5)], cores=4).splitlines()
    assert [line.split() for line in lines[:4]] == [
        ["runs", "disk", "core", "hours"],
        ["a", "3", "2.00", "GB", "1.50"],
        ["b", "4", "0.50", "GB", "0.50"],
        ["total", "7", "2.50", "GB", "2.00"],
    ]
    assert lines[5].endswith(": SGD 1, SAM 2, LSAM 1, ASAM 2.")
    assert lines[6].startswith("About 0.50 hours on 4 cores.")
