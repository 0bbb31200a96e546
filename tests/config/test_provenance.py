"""Where each constant comes from, and what is said of values that differ from the documented."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
import yaml

from feature_quality.config.loading import load
from feature_quality.config.section import Constant, Section, constant, leaves
from feature_quality.config.settings import Settings
from feature_quality.data.datasets import DATASETS, SPECS
from feature_quality.data.own import SPEC as OWN
from feature_quality.provenance import Provenance, cited, derived, ours, paper, weakest

WORDS = ["paper", "derived", "cited", "ours"]
# Settings that are no constants: what runs, which copies are accepted, and where files are.
NO_CONSTANTS = {
    *("datasets", "data_dir", "probe_runs", "toy.studies"),
    *(f"domains.{name}.published" for name in ("pacs", "vlcs", "office_home")),
    *(f"own.pets.{name}" for name in ("images", "table", "title", "features", "domains")),
}
CONCATENATED, PHOTOGRAPHS = ("cifar_mnist", "fmnist_mnist"), ("celeba", "waterbirds")
# All documented values that are not ours, as the paper or the work that it follows has them.
STATED: dict[str, tuple[str, Any]] = {
    "methods": ("paper", ("sgd", "sam")),
    "seeds": ("paper", (0, 1, 2, 3)),
    "training.cifar_mnist.epochs": ("paper", 20),
    "training.celeba.epochs": ("paper", 20),
    "training.waterbirds.epochs": ("paper", 100),
    "training.celeba.crop.ratio": ("cited", (1.0, 1.3333)),
    "training.waterbirds.crop.ratio": ("cited", (0.75, 1.3333)),
    "toy.distribution.train_points": ("paper", 300),
    "toy.training.lr": ("paper", 0.01),
    "toy.training.batch_size": ("paper", 5),
    "toy.grid.noise.label": ("derived", (0, 0.02, 0.04, 0.06, 0.08, 0.1)),
    "toy.grid.noise.gaussian": ("derived", (0, 0.2, 0.4, 0.6, 0.8, 1)),
    "toy.grid.noise.dropout": ("derived", (0, 0.08, 0.16, 0.24, 0.32, 0.4)),
}
for name in CONCATENATED:
    STATED |= {
        f"grid.{name}.lr": ("paper", (0.01, 0.05, 0.1)),
        f"grid.{name}.rho": ("paper", (0.01, 0.03, 0.05, 0.07, 0.1, 0.2)),
        f"training.{name}.network": ("paper", "cnn"),
        f"training.{name}.batch_size": ("paper", 100),
        f"training.{name}.momentum": ("paper", 0.9),
        f"training.{name}.weight_decay": ("paper", 0),
    }
for name in PHOTOGRAPHS:
    STATED |= {
        f"grid.{name}.lr": ("paper", (0.0005, 0.001, 0.005, 0.01)),
        f"grid.{name}.rho": ("paper", (0.01, 0.02, 0.05, 0.07)),
        f"training.{name}.network": ("paper", "resnet18"),
        f"training.{name}.weights": ("paper", "imagenet"),
        f"training.{name}.batch_size": ("paper", 128),
        f"training.{name}.momentum": ("paper", 0.9),
        f"training.{name}.weight_decay": ("derived", 0.0001),
        f"training.{name}.crop.scale": ("cited", (0.7, 1)),
        f"probe.per_group.{name}": ("cited", None),
    }


# (dataset, configuration, differences)
DIFFERENT: list[tuple[str, str, list[str]]] = [
    # Saying what is documented, and accepting another copy, make no difference.
    ("cifar_mnist", "grid: {cifar_mnist: {lr: ['1e-2', 0.050, 0.1]}}\nprobe_runs: selected", []),
    ("celeba", "seeds: [0, 1, 2, 3]\ntraining: {celeba: {epochs: 20.0, momentum: '.9'}}", []),
    ("vlcs_C", "domains: {vlcs: {published: false}}", []),
    # What was changed for one dataset says nothing of the others.
    (
        "cifar_mnist",
        """
        methods: [sgd, lsam]
        seeds: [7]
        grid: {cifar_mnist: {rho: {lsam: [1]}}, fmnist_mnist: {lr: [1]}}
        training: {cifar_mnist: {epochs: 3, crop: {scale: [1, 1], ratio: [1, 2]}}}
        probe: {draws: 2, per_group: {cifar_mnist: null, fmnist_mnist: 8}}
        """,
        [
            'methods: ["sgd", "lsam"] not ["sgd", "sam"]',
            "seeds: [7] not [0, 1, 2, 3]",
            'grid.cifar_mnist.rho: {"lsam": [1.0]} not [0.01, 0.03, 0.05, 0.07, 0.1, 0.2]',
            "training.cifar_mnist.epochs: 3 not 20",
            'training.cifar_mnist.crop: {"scale": [1.0, 1.0], "ratio": [1.0, 2.0]} not null',
            "probe.draws: 2 not 5",
            "probe.per_group.cifar_mnist: null not 200",
        ],
    ),
    (
        "pacs_S",
        """
        domains: {pacs: {resolution: 64}, vlcs: {resolution: 32}}
        training: {pacs: {crop: {ratio: [1, 2]}}, vlcs: {epochs: 1}}
        probe: {draws: 2, per_group: {cifar_mnist: 8}, tolerance: 0.5}
        """,
        [
            "training.pacs.crop.ratio: [1.0, 2.0] not [0.75, 1.3333]",
            "domains.pacs.resolution: 64 not 224",
            "probe.tolerance: 0.5 not 1e-06",
        ],
    ),
    (
        "celeba",
        "training: {celeba: {network: cnn, weights: null, crop: null}}",
        [
            'training.celeba.network: "cnn" not "resnet18"',
            'training.celeba.weights: null not "imagenet"',
            'training.celeba.crop: null not {"scale": [0.7, 1.0], "ratio": [1.0, 1.3333]}',
        ],
    ),
]


def keys(values: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """Yield the dotted key of every value that is no section."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from keys(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def test_what_rests_on_several_rests_on_the_weakest() -> None:
    assert [member.value for member in Provenance] == WORDS
    assert len({member.meaning for member in Provenance} - {""}) == len(WORDS)
    for first, second in product(Provenance, repeat=2):
        expected = WORDS[max(map(WORDS.index, (first, second)))]
        assert weakest([first, second]) == weakest([first, second, first]) == expected


class Below(Section):
    left: int
    right: int


class Example(Section):
    stated: int = constant(paper(1, "page 1"))
    inferred: int = constant(derived(2, "from page 1"))
    plain: int = 4
    below: Below | None = constant(ours(None, "why not"))


def test_constants_of_a_section_are_the_declared_ones() -> None:
    def found(example: Example, **documented: Any) -> list[tuple[str, Any, Any, bool, str]]:
        return [
            (each.key, each.value, each.documented, each.differs, each.provenance.value)
            for each in example.constants("a.b", documented)
        ]

    stated, inferred = found(Example(inferred=7))[:2]
    assert stated == ("a.b.stated", 1, 1, False, "paper")
    assert inferred == ("a.b.inferred", 7, 2, True, "ours")
    assert [each.key for each in Example().constants("")] == ["stated", "inferred", "below"]
    # A dataset's defaults stand before those of the section.
    assert found(Example(), stated=cited(5, ""))[0] == ("a.b.stated", 1, 5, True, "ours")
    assert found(Example(), stated=cited(1, ""))[0] == ("a.b.stated", 1, 1, False, "cited")
    # So do they where a section is given and none is documented, or the other way round.
    given, pair = {"left": 1, "right": 2}, {"left": paper(1, ""), "right": cited(3, "")}
    none, both = Example(), Example(below=Below(**given))
    assert found(none)[2:] == [("a.b.below", None, None, False, "ours")]
    assert found(both)[2:] == [("a.b.below", given, None, True, "ours")]
    assert found(both, below=pair)[2:] == [
        ("a.b.below.left", 1, 1, False, "paper"),
        ("a.b.below.right", 2, 3, True, "ours"),
    ]
    (missing,) = none.constants("", {"below": pair})[2:]
    assert (missing.value, missing.documented) == (None, {"left": 1, "right": 3})
    assert missing.documented_provenance is Provenance.CITED


def test_every_setting_is_reported_with_the_dataset_or_the_toy(own: Any) -> None:
    loaded = load(own)
    seen: dict[str, Constant] = {}
    for dataset in (*DATASETS, "pets"):
        found = loaded.constants_of(dataset)
        assert len({each.key for each in found}) == len(found)
        seen |= {each.key: each for each in found}
    seen |= {each.key: each for each in loaded.toy.constants("toy")}
    # The seed of a split that all share is of no use here.
    assert {*keys(loaded.model_dump())} == {*seen, "data_seed"} | NO_CONSTANTS
    assert {
        key: (each.provenance.value, each.value)
        for key, each in seen.items()
        if each.provenance is not Provenance.OURS
    } == STATED
    assert not any(each.differs for each in seen.values())


def test_every_default_says_where_it_comes_from() -> None:
    for spec in (*SPECS.values(), OWN):
        defaults = [*leaves(spec.grid), *leaves(spec.training), *leaves(spec.images)]
        assert len(defaults) >= 2 + 6
        for each in (*defaults, *filter(None, [spec.per_group])):
            assert each.provenance in WORDS
            assert each.source.strip()
    schema = Settings.model_json_schema()
    for section in (schema, *schema["$defs"].values()):
        for name, field in section.get("properties", {}).items():
            assert field.get("description") or "$ref" in field, name
            assert ("provenance" in field) == bool(field.get("source", "").strip()), name
            if "provenance" in field:
                assert field["provenance"] in WORDS
                assert "default" in field, name


def test_constants_are_those_of_the_dataset(own: Any) -> None:
    loaded = load(own)
    sections = {key: loaded.model_dump()[key] for key in ("grid", "training")}
    common = {"methods", "seeds"}
    for name in ("protocol", "strengths", "tolerance", "max_iterations", "contribution_strength"):
        common.add(f"probe.{name}")
    for dataset, name, others in [
        # Of a target domain's probes there is one draw, of all examples.
        ("pacs_A", "pacs", {"splits", "domains.pacs.resolution"}),
        ("cifar_mnist", "cifar_mnist", {"splits", "probe.draws", "probe.per_group.cifar_mnist"}),
        # Its table has the split.
        ("pets", "pets", {"own.pets.resolution", "probe.draws", "probe.per_group.pets"}),
    ]:
        given = {key: {name: by[name]} for key, by in sections.items()}
        found = {each.key for each in loaded.constants_of(dataset)}
        assert found == common | others | set(keys(given))


def test_how_images_are_split_is_reported_where_it_matters() -> None:
    for splits, expected in (("per_seed", {"splits"}), ("fixed", {"splits", "data_seed"})):
        loaded = load({"splits": splits, "data_seed": 5})
        for dataset, named in (("cifar_mnist", expected), ("celeba", set())):
            found = {each.key for each in loaded.constants_of(dataset)}
            assert found & {"splits", "data_seed"} == named


class TestSummary:
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
            assert load({}).provenance_summary("celeba")["provenance"] == expected

    @pytest.mark.parametrize("dataset", [*DATASETS, "pets"])
    def test_documented_settings_do_not_differ(self, own: Any, dataset: str) -> None:
        # Every protocol of the probes is ours.
        expected = {"provenance": "ours", "differences": ()}
        assert load(own).provenance_summary(dataset) == expected

    @pytest.mark.parametrize(("dataset", "text", "differences"), DIFFERENT)
    def test_differences_name_key_value_and_documented_value(
        self, dataset: str, text: str, differences: list[str]
    ) -> None:
        assert load(yaml.safe_load(text)).provenance_summary(dataset)["differences"] == tuple(
            f"{each.replace(' not', ' instead of the documented')}." for each in differences
        )

    def test_of_a_custom_dataset(self, own: Any) -> None:
        own["own"]["pets"] |= {"resolution": 32}
        config = own | {"datasets": ["pets", "celeba"]}
        assert load(config).provenance_summary("pets")["differences"] == (
            "own.pets.resolution: 32 instead of the documented 64.",
        )
        assert load(config).provenance_summary("celeba")["differences"] == ()

    def test_sources_are_by_provenance(self) -> None:
        loaded = load({"seeds": [1], "grid": {"celeba": {"lr": [1]}}})
        found = loaded.sources(["celeba", "cifar_mnist"])
        assert list(found) == WORDS
        assert found["cited"].keys() == {
            *("training.celeba.crop.scale", "training.celeba.crop.ratio", "probe.per_group.celeba")
        }
        assert (found["ours"]["seeds"], found["ours"]["grid.celeba.lr"]) == ((1,), (1,))
        assert found["paper"]["grid.cifar_mnist.lr"] == (0.01, 0.05, 0.1)
        assert load({}).toy.sources()["paper"] == {
            key: value
            for key, (word, value) in STATED.items()
            if key.startswith("toy.") and word == "paper"
        }

    def test_a_note_says_what_the_runs_were(self) -> None:
        loaded = load({"seeds": [5], "training": {"celeba": {"epochs": 2}}})
        different = "1 seed, {} epochs. Not the documented settings: seeds{}."
        assert loaded.run_note("celeba") == different.format(2, ", training.celeba.epochs")
        assert loaded.run_note("digits_domains_I") == different.format(8, "")
        assert load({}).run_note("waterbirds") == "4 seeds, 100 epochs."
        once = load({"training": {"celeba": {"epochs": 1}}}).run_note("celeba")
        assert once.startswith("4 seeds, 1 epoch. ")
        assert load({}).toy.run_note() == "Toy data: 10 seeds, 300 epochs."
        toy = {"seeds": [1], "training": {"epochs": 20}, "grid": {"noise": {"label": [0, 0.1]}}}
        assert load({"toy": toy}).toy.run_note() == (
            "Toy data: 1 seed, 20 epochs. "
            "Not the documented settings: seeds, training.epochs, grid.noise.label."
        )

    def test_a_figures_note_names_what_it_depends_on_alone(self) -> None:
        grid = {"rho": [0, 0.5], "noise": {"label": [0, 0.1]}, "batch_size": [5]}
        loaded = load({"toy": {"grid": grid}, "probe": {"draws": 1}})
        for inputs, named in (
            (["complexity"], "grid.rho"),
            (["noise"], "grid.noise.label"),
            (["batch_size"], "grid.rho, grid.batch_size"),
            (["interventions", "shown"], "grid.rho"),
            # What another study gives may depend on all.
            (["unknown"], "grid.rho, grid.batch_size, grid.noise.label"),
        ):
            assert loaded.toy.run_note(*inputs).endswith(f"settings: {named}.")
        assert loaded.toy.run_note("epochs") == "Toy data: c = 270°, 10 seeds, 300 epochs."
        assert loaded.toy.run_note("constants") == "Toy data: c = 270°, 5 seeds, 100 or 300 epochs."
        # Figure 2 has a line for each complexity.
        assert loaded.toy.run_note("complexity").startswith("Toy data: 10 seeds, 300 epochs. ")
        assert "probe.draws" in loaded.run_note("cifar_mnist", "examples", "runs")
        assert "probe" not in loaded.run_note("cifar_mnist", "examples", "histories")
