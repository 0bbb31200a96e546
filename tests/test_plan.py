"""The estimate of a configuration's cost, by hand, at speeds that are easy to multiply."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from snakemake.utils import update_config

from feature_quality.config.loading import load
from feature_quality.data.datasets import DATASETS
from feature_quality.errors import InputError
from feature_quality.plan import (
    Cost,
    Machine,
    cost,
    describe,
    format_time,
    report_cost,
    toy_cost,
)

BACKBONES = {"resnet18": 11_176_512, "resnet50": 23_508_032}
# PACS with art as the target: nine tenths of .8 of 2344 + 1670 + 3929 images, the tenth, .2 of
# them, and .8 and .2 of art's 2048.
TRAIN, VAL, TEST, PROBE_TRAIN, PROBE_TEST = 5719, 635, 1589, 1638, 410
PACS: dict[str, Any] = {
    "datasets": ["pacs_A"],
    "seeds": [0, 1],
    "domains": {"pacs": {"resolution": 64}},
    "grid": {"pacs": {"lr": [0.1], "rho": [0.1]}},
    "training": {"pacs": {"epochs": 3, "snapshot_epochs": [1, 5]}},
}


class Fixed:
    """A machine on which nothing depends on what it should not."""

    def start(self) -> float:
        return 3

    def image(self, network: str, shape: tuple[int, int, int], classes: int, size: int) -> float:
        return shape[1] * shape[2] / 64**2

    def probe(self, examples: int, features: int, classes: int, strengths: tuple | None) -> float:
        return examples / 10 * (len(strengths) if strengths else 20)

    def toy_step(self, batch_size: int, lsam: bool) -> float:
        return batch_size / 1000 * (1 + lsam)


def planned(**changes: Any) -> Cost:
    config = deepcopy(PACS)
    update_config(config, changes)
    return cost(load(config), config["datasets"][0], Fixed())


def test_a_target_domain_by_hand() -> None:
    found = planned()
    # Three epochs of two seeds of SGD and, twice as dear, SAM; validation; embedding.
    images = 3 * 2 * (1 + 2) * TRAIN + 3 * 4 * VAL / 3
    images += 4 * (TEST + PROBE_TRAIN + PROBE_TEST) / 3
    # One probe per run, of five strengths; three jobs per run.
    assert (found.name, found.runs) == ("pacs_A", 4)
    assert found.seconds == pytest.approx(images + 4 * 163.8 * 5 + 4 * 3 * 3)
    assert found.passes == pytest.approx(images)
    reweighted = planned(probe={"protocol": "dfr"})
    assert reweighted.seconds - found.seconds == pytest.approx(4 * 163.8 * 15)


@pytest.mark.parametrize(
    ("changes", "runs", "probed", "steps"),
    [
        ({"methods": ["sgd"]}, 2, 2, 1),
        # A step of LSAM takes one gradient of the whole network, one of ASAM two.
        ({"methods": ["sgd", "lsam", "asam"]}, 6, 6, 1 + 1 + 2),
        ({"grid": {"pacs": {"rho": [0.1, 1, 2]}}}, 8, 8, 1 + 3 * 2),
        ({"grid": {"pacs": {"lr": {"sgd": [0.1, 1, 2], "sam": [0.1]}}}}, 8, 8, 3 + 2),
        ({"grid": {"pacs": {"rho": [0.1, 1, 2]}}, "probe_runs": "selected"}, 8, 6, 1 + 3 * 2),
        # There are no more runs to probe than are trained.
        ({"probe_runs": "selected"}, 4, 4, 1 + 2),
    ],
)
def test_methods_and_radii(changes: dict[str, Any], runs: int, probed: int, steps: int) -> None:
    images = 3 * 2 * steps * TRAIN + 3 * runs * VAL / 3
    images += probed * (TEST + PROBE_TRAIN + PROBE_TEST) / 3
    found = planned(**changes)
    assert found.runs == runs
    jobs = (runs + 2 * probed) * 3
    assert found.seconds == pytest.approx(images + probed * 163.8 * 5 + jobs)


@pytest.mark.parametrize(("network", "features"), [("resnet18", 512), ("resnet50", 2048)])
def test_the_disk_of_a_target_domain_by_hand(network: str, features: int) -> None:
    found = planned(training={"pacs": {"network": network}})
    # All of the 9991 images, which no other dataset shares.
    images = 9991 * 3 * 64**2
    weights = BACKBONES[network] + 7 * features + 7
    embedded = TEST + PROBE_TRAIN + PROBE_TEST
    # The snapshot after epoch 5 is never reached.
    assert found.bytes == images + 4 * (4 * 2 * weights + 4 * embedded * features)


def test_resolutions_and_targets_differ_by_their_sizes() -> None:
    small, large = planned(), planned(domains={"pacs": {"resolution": 128}})
    assert large.bytes - small.bytes == 9991 * 3 * (128**2 - 64**2)
    both = planned(datasets=["pacs_A", "pacs_S"])
    assert small.bytes - both.bytes == (9991 - 9991 // 2) * 3 * 64**2
    constant = 4 * 163.8 * 5 + 4 * 3 * 3
    assert large.seconds - constant == pytest.approx(4 * (small.seconds - constant))
    assert planned(datasets=["pacs_S"]).seconds < small.seconds


def test_a_custom_dataset_by_hand(own: dict[str, Any]) -> None:
    config = own | {"methods": ["sgd", "lsam"], "seeds": [0]}
    grid = {"pets": {"lr": [0.1], "rho": [0.1]}}
    found = cost(load(config | {"grid": grid}), "pets", Fixed())
    # 5 training images and 4 of each other split but the 8 that probes learn from; 20 epochs; the
    # weights of two selected runs at 5 checkpoints.
    images = 2 * 20 * 5 + 20 * 2 * 8 / 3 + 2 * (4 + 8 + 4) / 3 + 2 * 5 * 2 * 5
    # Two features, five draws of two images of each of four groups; one draw for the weights.
    probes, jobs = 2 * 2 * 5 * 0.8 * 5 + 2 * 5 * 2 * 0.8, (2 + 2 * 2 + 2) * 3
    assert found.seconds == pytest.approx(images + probes + jobs)
    # The three-layer CNN on 64 × 64 pixels, at 5 checkpoints; 4 test images, and 8 + 4 probed.
    features = 128 * 8 * 8
    weights = (3 * 25 + 1) * 32 + (32 * 9 + 1) * 64 + (64 * 9 + 1) * 128 + (features + 1) * 2
    assert found.bytes == 17 * 3 * 64**2 + 4 * 2 * (5 * weights + (4 + 8 + 4) * features)


def test_custom_domains_are_counted(tmp_path: Path) -> None:
    """They cost what PACS does, of which they are a copy of other numbers."""
    sizes = {"art": 10, "ink": 20, "oil": 30}
    for domain, size in sizes.items():
        for number in range(size):
            path = tmp_path / domain / ("cat", "dog")[number % 2] / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    own = {"images": str(tmp_path), "title": "Mine", "domains": list(sizes)}
    config = {"datasets": ["mine_ink"], "own": {"mine": own}, "seeds": [0], "methods": ["sgd"]}
    config |= {"training": {"mine": {"epochs": 1}}, "grid": {"mine": {"lr": [0.1]}}}
    # Of 40 images of the others 29 for training, 3 for validation and 8 for test; of the target
    # 16 and 4 for the probe.
    images = 29 + (3 + 8 + 16 + 4) / 3
    found = cost(load(config), "mine_ink", Fixed())
    assert found.seconds == pytest.approx(images + 1.6 * 5 + 3 * 3)


@pytest.mark.parametrize("dataset", [*DATASETS, "pets"])
def test_every_dataset_has_a_cost(dataset: str, own: dict[str, Any]) -> None:
    found = cost(load(own), dataset, Fixed())
    assert (found.name, found.runs > 0, found.bytes > 0) == (dataset, True, True)
    assert found.seconds > 0


def test_a_network_of_timm_has_a_cost_if_there_is_one() -> None:
    timm = {"weights": None, "network": "timm:tf_efficientnet_lite0"}
    assert planned(training={"pacs": timm}).seconds > 0
    with pytest.raises(InputError, match="timm has no model 'none'"):
        planned(training={"pacs": timm | {"network": "timm:none"}})


def test_the_toy_the_report_and_the_total(monkeypatch: pytest.MonkeyPatch) -> None:
    axes = {"seed": (0, 1), "complexity": (180,), "batch_size": (5, 10), "steps": (100,)}
    toy = toy_cost([axes, axes | {"batch_size": (5,), "rho": (0.5,)}], Fixed())
    assert (toy.name, toy.runs) == ("toy", 4 + 2)
    assert toy.seconds == pytest.approx(2 * 3 + 100 * (2 * 0.005 + 2 * 0.01 + 2 * 2 * 0.005))
    assert report_cost(2, 10, Fixed()).seconds == pytest.approx(3 * (2 * 2 + 10 * 0.7))
    costs = [Cost("a", 3, 2e9, 5400, 3600), Cost("b", 4, 5e8, 20)]
    lines = describe(costs, 4, torch.device("cpu")).splitlines()
    assert [line.split() for line in lines[:4]] == [
        ["runs", "disk", "time", "of", "one", "core"],
        ["a", "3", "2.00", "GB", "1", "h", "30", "min"],
        ["b", "4", "0.50", "GB", "under", "a", "minute"],
        ["total", "7", "2.50", "GB", "1", "h", "30", "min"],
    ]
    assert lines[5] == "With 4 jobs at a time, about 23 min here."
    # A GPU's passes take turns, and all else does not: 60 minutes, and a quarter of the other 30.
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "a GPU")
    lines = describe(costs, 4, torch.device("cuda")).splitlines()
    assert lines[0].endswith("time of one core, or of the GPU")
    assert lines[5] == "With 4 jobs at a time, about 1 h 8 min here."
    assert "(a GPU)" in lines[6]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (20, "under a minute"),
        (31, "1 min"),
        (3599, "1 h"),
        (5400, "1 h 30 min"),
        (86400 * 2, "2 d"),
        (86400 * 2 + 3600 * 5 + 1500, "2 d 5 h"),
    ],
)
def test_times_are_told_in_two_units(seconds: float, text: str) -> None:
    assert format_time(seconds) == text


@pytest.mark.slow
def test_this_machine_is_timed() -> None:
    machine = Machine(load({"probe": {"draws": 2}}))
    small, large = (machine.image("cnn", (3, side, side), 2, 8) for side in (16, 64))
    assert 0 < small < large
    assert 0 < machine.probe(100, 20, 2, (0.1,)) < machine.probe(4000, 20, 2, (0.1,))
    assert machine.probe(100, 20, 2, None) > 0
    # More classes than features, and than rows for two of each.
    assert machine.probe(30, 10, 20, (0.1, 1.0)) > 0
    assert machine.toy_step(1, lsam=False) > 0
    assert machine.start() > 0
