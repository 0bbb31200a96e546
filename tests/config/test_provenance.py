from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_quality.config.provenance import Provenance, derived, ours, paper, weakest
from feature_quality.config.section import Constant, Section
from feature_quality.config.settings import DATASETS, Settings, load

WORDS = ["paper", "derived", "cited", "ours"]
DESCRIBED = ("own.images", "own.table", "own.title", "own.features")
PUBLISHED = ("pacs", "vlcs", "office_home")


def leaves(node: dict[str, Any], schema: dict[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    """Yield every setting below ``node`` of a JSON schema that is not itself a section."""
    target = schema["$defs"][node["$ref"].split("/")[-1]] if "$ref" in node else node
    if "properties" not in target:
        yield path, node
    for name, child in target.get("properties", {}).items():
        yield from leaves(child, schema, f"{path}.{name}")


def constants() -> dict[str, Any]:
    schema = Settings.model_json_schema()
    found: dict[str, Any] = {}
    for section in ("domains", "grid", "training", "probe", "toy"):
        found.update(leaves(schema["properties"][section], schema, section))
    found.update(leaves(schema["$defs"]["Own"], schema, "own"))
    # Neither which studies to run nor which copy to accept is a constant, nor what images show.
    for key in ("toy.studies", *(f"domains.{name}.published" for name in PUBLISHED), *DESCRIBED):
        del found[key]
    return found


def test_weakest_goes_from_paper_to_ours() -> None:
    assert [member.value for member in Provenance] == WORDS
    for strong, weak in zip(Provenance, list(Provenance)[1:], strict=False):
        assert weakest([strong, weak]) is weakest([weak, strong]) is weak


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from(list(Provenance)), min_size=1))
def test_one_weak_constant_weakens_all(provenances: list[Provenance]) -> None:
    result = weakest(provenances)
    assert result in provenances
    assert WORDS.index(result) == max(WORDS.index(each) for each in provenances)


def test_every_word_is_explained_differently() -> None:
    meanings = [member.meaning for member in Provenance]
    assert all(meanings)
    assert len(set(meanings)) == len(WORDS)


class Example(Section):
    stated: int = paper(1, "page 1")
    inferred: int = derived(2, "from page 1")
    chosen: int = ours(3, "why not")
    plain: int = 4


def test_constants_of_a_section_are_the_declared_ones() -> None:
    found = Example(inferred=7).constants("some.section")
    assert [(c.key, c.value, c.documented, c.departs, c.provenance) for c in found] == [
        ("some.section.stated", 1, 1, False, Provenance.PAPER),
        ("some.section.inferred", 7, 2, True, Provenance.OURS),
        ("some.section.chosen", 3, 3, False, Provenance.OURS),
    ]
    assert [constant.key for constant in Example().constants()] == ["stated", "inferred", "chosen"]


def test_the_source_stands_in_the_schema() -> None:
    properties = Example.model_json_schema()["properties"]
    declared = {name: (p.get("provenance"), p.get("source")) for name, p in properties.items()}
    assert declared == {
        "stated": ("paper", "page 1"),
        "inferred": ("derived", "from page 1"),
        "chosen": ("ours", "why not"),
        "plain": (None, None),
    }


def test_every_constant_of_the_workflow_says_where_it_comes_from() -> None:
    found = constants()
    # Ten families' grids (2) and trainings (8), six probe sizes, the probe's protocol (5), and
    # five resolutions.
    assert len(found) >= 10 * (2 + 8) + 6 + 5 + 5
    for key, schema in found.items():
        assert schema.get("provenance") in WORDS, key
        assert str(schema.get("source", "")).strip(), key
        assert "default" in schema, key
        assert schema.get("description"), key


def test_every_constant_of_the_schema_belongs_to_a_dataset_or_the_toy(own: Any) -> None:
    """Whatever is declared is looked at where departures are looked for."""
    loaded = load(own)
    seen = {constant.key for dataset in DATASETS for constant in loaded.constants_of(dataset)}
    seen |= {constant.key for constant in loaded.toy.all_constants("toy")}
    assert seen == set(constants()) | {"seeds", "data_seed"}


@pytest.mark.parametrize(
    ("key", "provenance"),
    [
        ("grid.cifar_mnist.lr", "paper"),
        ("grid.fmnist_mnist.rho", "paper"),
        ("grid.digits_photos.lr", "ours"),
        ("training.cifar_mnist.epochs", "paper"),
        ("training.fmnist_mnist.epochs", "ours"),
        ("training.fmnist_mnist.batch_size", "paper"),
        ("training.cifar_mnist.momentum", "paper"),
        ("training.cifar_mnist.weight_decay", "paper"),
        ("toy.training.lr", "paper"),
        ("toy.training.batch_size", "paper"),
        ("toy.distribution.train_points", "paper"),
        ("toy.sweep.noise.gaussian", "derived"),
        ("toy.training.epochs", "ours"),
        ("toy.distribution.hard_scale", "ours"),
        ("grid.celeba.lr", "paper"),
        ("training.waterbirds.epochs", "paper"),
        ("training.waterbirds.network", "paper"),
        ("training.celeba.weight_decay", "derived"),
        ("training.waterbirds.crop.ratio", "cited"),
        ("training.celeba.update_bn_on_second_pass", "ours"),
        ("probe.per_group.waterbirds", "cited"),
        ("probe.draws", "ours"),
        ("probe.per_group.cifar_mnist", "ours"),
        ("domains.pacs.resolution", "ours"),
        ("domains.digits_domains.resolution", "ours"),
        ("grid.vlcs.rho", "ours"),
        ("own.resolution", "ours"),
        ("grid.own.lr", "ours"),
        ("training.own.network", "ours"),
        ("training.own.weight_decay", "ours"),
        ("probe.per_group.own", "ours"),
        ("training.pacs.network", "ours"),
        ("training.office_home.weight_decay", "ours"),
        ("training.pacs.crop.ratio", "ours"),
    ],
)
def test_provenance_is_that_of_the_specification(key: str, provenance: str) -> None:
    assert constants()[key]["provenance"] == provenance


class TestStanding:
    def test_it_rests_on_the_weakest(self, monkeypatch: pytest.MonkeyPatch) -> None:
        strong = Constant("a", 1, 1, Provenance.PAPER)
        weak = Constant("b", 2, 2, Provenance.CITED)
        changed = Constant("c", 3, 4, Provenance.PAPER)
        for found, expected in [
            ([strong], "paper"),
            ([strong, weak, strong], "cited"),
            ([strong, changed], "ours"),
        ]:
            monkeypatch.setattr(Settings, "constants_of", lambda self, dataset, _=found: _)
            assert load({}).standing("cifar_mnist")["provenance"] == expected

    @pytest.mark.parametrize("dataset", DATASETS)
    def test_the_documented_settings_do_not_depart(self, dataset: Any, own: Any) -> None:
        standing = load(own | {"datasets": sorted({"own", dataset})}).standing(dataset)
        # Every protocol of the probes is ours.
        assert standing == {"provenance": "ours", "departures": ()}

    def test_departures_name_key_value_and_documented_value(self) -> None:
        loaded = load(
            {
                "seeds": [7],
                "grid": {"cifar_mnist": {"lr": [0.5]}, "fmnist_mnist": {"rho": [0]}},
                "training": {"cifar_mnist": {"epochs": 3}},
                "probe": {"draws": 2, "per_group": {"cifar_mnist": None, "fmnist_mnist": 8}},
            }
        )
        assert loaded.standing("cifar_mnist")["departures"] == (
            "seeds: [7] instead of the documented [0, 1, 2, 3].",
            "grid.cifar_mnist.lr: [0.5] instead of the documented [0.01, 0.05, 0.1].",
            "training.cifar_mnist.epochs: 3 instead of the documented 20.",
            "probe.draws: 2 instead of the documented 5.",
            "probe.per_group.cifar_mnist: null instead of the documented 250.",
        )
        # What was changed for one dataset says nothing of the others.
        assert loaded.standing("digits_photos")["departures"] == (
            "seeds: [7] instead of the documented [0, 1, 2, 3].",
            "probe.draws: 2 instead of the documented 5.",
        )

    def test_saying_what_is_documented_is_no_departure(self) -> None:
        spelled = {
            "seeds": [0, 1, 2, 3],
            "grid": {"cifar_mnist": {"lr": ["1e-2", 0.050, 0.1]}},
            "training": {"cifar_mnist": {"weight_decay": 0, "epochs": 20.0}},
            "probe_runs": "selected",
        }
        assert load(spelled).standing("cifar_mnist")["departures"] == ()

    @pytest.mark.parametrize("family", PUBLISHED)
    def test_another_copy_is_no_departure(self, family: str) -> None:
        loaded = load({"domains": {family: {"published": False}}})
        assert loaded.standing(f"{family}_C")["departures"] == ()
