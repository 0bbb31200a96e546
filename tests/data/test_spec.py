"""What holds for the descriptions of all datasets."""

import subprocess
import sys
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import pytest

from feature_quality.artifacts.prepared import SPLITS
from feature_quality.data.datasets import DATASETS, SPECS
from feature_quality.data.photos import split_counts
from feature_quality.data.sources import SOURCES
from feature_quality.training.network_list import NETWORKS

WORKFLOW = Path(__file__).parents[2] / "workflow"
DOWNLOADED = {files[-1] for spec in SPECS.values() for files in spec.originals.values()}


def test_names_and_descriptions_are_told_without_what_is_slow_to_import():
    script = (
        "import sys, feature_quality.data.datasets, feature_quality.config.settings\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    command = [sys.executable, "-c", script]
    result = subprocess.run(command, cwd=WORKFLOW, capture_output=True, text=True, check=True)
    slow = {"torch", "torchvision", "timm", "sklearn", "scipy", "PIL", "matplotlib", "pooch"}
    assert not slow & set(result.stdout.split())


@pytest.mark.parametrize("name", SPECS)
def test_a_description_agrees_with_itself(name):
    spec = SPECS[name]
    module = import_module(f"feature_quality.data.{name}")
    assert module.SPEC is spec
    assert callable(module.prepare)
    assert callable(module.split)
    assert spec.id == name
    assert spec.title
    assert all(DATASETS[dataset] is spec for dataset in spec.datasets)
    # Its grid and training say what has no default elsewhere.
    assert spec.grid.keys() == {"lr", "rho"}
    needed = {"network", "epochs", "batch_size", "momentum", "weight_decay", "snapshot_epochs"}
    assert needed <= spec.training.keys()
    assert NETWORKS[spec.training["network"].value].channels in (None, spec.channels)
    # Either its size is known or a setting.
    assert (spec.shape is None) == bool(spec.images)
    if spec.domains:
        assert spec.per_group is None
        assert len(spec.domain_sizes) == len(spec.domains) == len(spec.datasets) == 4
        assert spec.class_count > 1
        assert spec.classes == ((), ())
        return
    assert tuple(spec.counts) == SPLITS
    groups = len(spec.classes[0]) * len(spec.classes[1])
    assert groups >= 2 * 2
    if spec.group_counts:
        assert dict(spec.counts) == split_counts(spec.group_counts)
        assert {len(counts) for counts in spec.group_counts.values()} == {groups}
    else:  # Probes are balanced, on images of validation and test.
        assert spec.counts["probe_train"] % groups == spec.counts["probe_test"] % groups == 0
        assert spec.counts["probe_train"] <= spec.counts["val"]
        assert spec.counts["probe_test"] <= spec.counts["test"]
    assert spec.per_group
    # Fewer than there are: the draws of a documented size differ.
    assert (spec.per_group.value or 0) * groups < spec.counts["probe_train"]


@pytest.mark.parametrize(
    ("name", "size", "named"),
    [
        ("cifar_mnist", 250, "cifar 'airplane' with mnist '0'"),
        ("fmnist_mnist", 116, ""),
        ("celeba", 182, "hair 'blond' with gender 'male'"),
        ("waterbirds", 133, "bird 'waterbird' with background 'land'"),
    ],
)
def test_the_smallest_group_of_published_splits_is_named(name, size, named):
    found, values = SPECS[name].smallest_group
    assert found == size
    assert values.endswith(named)


@pytest.mark.parametrize("name", SPECS)
def test_originals_end_in_a_download_and_folders_come_first(name):
    for alternatives in SPECS[name].originals.values():
        assert alternatives[-1] in SOURCES
        # But for that of a copy of CIFAR-10, which is not the published one.
        published = [each for each in alternatives if each != "cifar10/"]
        assert not any(
            second.endswith("/") > first.endswith("/") for first, second in pairwise(published)
        )


def test_every_source_is_of_a_dataset_or_a_network():
    weights = {spec.published for spec in NETWORKS.values() if spec.published}
    assert DOWNLOADED | weights == SOURCES.keys()
    assert not DOWNLOADED & weights


@pytest.mark.parametrize("name", [name for name, spec in SPECS.items() if spec.demonstration])
def test_equal_seeds_give_equal_splits_and_others_other_ones(name, prepare, outputs, split):
    module = import_module(f"feature_quality.data.{name}")
    stored = prepare(module, {})
    written = [path.read_bytes() for path in outputs]
    prepare(module, {})
    assert [path.read_bytes() for path in outputs] == written
    first, again, other = (split(module.split, stored, seed) for seed in (0, 0, 1))
    assert [each.description.dataset for each in first] == SPECS[name].datasets
    for one, same, different in zip(first, again, other, strict=True):
        assert one.description == same.description
        assert one.examples.equals(same.examples)
        for part in SPLITS:
            assert {*one.split(part).table["id"]} != {*different.split(part).table["id"]}


@pytest.mark.parametrize("name", [name for name, spec in SPECS.items() if spec.demonstration])
@pytest.mark.parametrize("seed", [0, 7])
def test_no_seed_shows_a_network_what_it_is_tested_on(name, seed, prepare, split):
    module = import_module(f"feature_quality.data.{name}")
    for prepared in split(module.split, prepare(module, {}), seed):
        used = {}
        for part in SPLITS:
            table = prepared.split(part).table
            used[part] = ({*table["image"]} | {*table["above"]}) - {-1}
        assert not used["train"] & used["val"]
        assert not (used["train"] | used["val"]) & (used["test"] | used["probe_test"])
        assert not used["probe_train"] & (used["train"] | used["probe_test"])
