"""What may stand in the configuration, the message for what may not, and what is read from it."""

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import ValidationError
from snakemake.utils import update_config

from feature_quality.config import reference
from feature_quality.config.loading import load
from feature_quality.config.section import plain
from feature_quality.data.datasets import DATASETS, SPECS
from feature_quality.errors import InputError
from feature_quality.methods import METHODS
from feature_quality.training.network_list import NAMES, find_network

ROOT = Path(__file__).parents[2]

PUBLISHED = ("cifar_mnist", "fmnist_mnist", "celeba", "waterbirds")
DOMAINBED = ("pacs", "vlcs", "office_home")
TOP_LEVEL = (
    "datasets, methods, data_dir, seeds, splits, data_seed, own, domains, grid, training, probe, "
    "probe_runs, reference, toy"
)
TRAINING = (
    "network, weights, epochs, batch_size, momentum, weight_decay, snapshot_epochs, "
    "update_bn_on_second_pass, precision, compiled, crop"
)
OF_FEATURES = "digits_photos, cifar_mnist, fmnist_mnist, celeba, waterbirds"
SECTIONS = f"{OF_FEATURES}, digits_domains, pacs, vlcs, office_home"
IDS = (
    f"{OF_FEATURES}, digits_domains_P, digits_domains_I, digits_domains_R, digits_domains_N, "
    "pacs_A, pacs_C, pacs_P, pacs_S, vlcs_C, vlcs_L, vlcs_S, vlcs_V, "
    "office_home_A, office_home_C, office_home_P, office_home_R"
)


def nested(key: str, value: Any) -> dict[str, Any]:
    """Return the configuration that sets a dotted key."""
    for part in reversed(key.split(".")):
        value = {part: value}
    return value


def with_own(own: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return the configuration of a custom dataset, with other values."""
    return own | {"own": {"pets": own["own"]["pets"] | changes}}


def faults(config: dict[str, Any]) -> list[str]:
    with pytest.raises(InputError) as raised:
        load(config)
    heading, *lines = str(raised.value).split("\n  ")
    count = re.fullmatch(r"The configuration has (\d+) faults?:", heading)
    assert count
    assert int(count[1]) == len(lines)
    return lines


class TestDefaults:
    def test_the_demonstrations_run(self) -> None:
        settings = load({})
        assert settings.datasets == ("digits_photos", *(f"digits_domains_{x}" for x in "PIRN"))
        assert (settings.data_dir, settings.own, settings.probe_runs) == (None, {}, "all")

    @pytest.mark.parametrize("name", SPECS)
    def test_each_dataset_has_those_of_its_description(self, name: str) -> None:
        spec, settings = SPECS[name], load({})
        anyone = {"weights": None, "crop": None, "update_bn_on_second_pass": False}
        anyone |= {"precision": "float32", "compiled": False}
        assert settings.grid[name].model_dump() == plain(spec.grid)
        training = settings.training[name].model_dump()
        assert training == anyone | plain(spec.training)
        assert ", ".join(training) == TRAINING
        images = plain(spec.images) | {"published": True} if spec.images else {}
        assert settings.images_of(name) == images
        assert (name in settings.probe.per_group) == (spec.per_group is not None)
        if spec.per_group:
            assert settings.probe.per_group[name] == spec.per_group.value
        # The sections of a dataset are those of its description.
        for dataset in spec.datasets:
            assert settings.grid_of(dataset) is settings.grid[name]
            assert settings.training_of(dataset) is settings.training[name]

    @pytest.mark.parametrize(
        "key",
        [
            *("domains", "domains.pacs", "grid", "grid.celeba", "training", "training.celeba"),
            *("training.celeba.crop", "probe", "probe.per_group", "toy", "toy.grid.noise"),
        ],
    )
    def test_an_empty_section_is_the_default(self, key: str) -> None:
        assert load(nested(key, {})) == load({})

    @pytest.mark.parametrize(
        ("text", "key", "value"),
        [
            ("training: {cifar_mnist: {epochs: 3}}", "training.cifar_mnist.epochs", 3),
            ("training: {celeba: {crop: {scale: [0.5, 1]}}}", "training.celeba.crop.scale", None),
            ("training: {celeba: {crop: null}}", "training.celeba.crop", None),
            ("grid: {pacs: {rho: {lsam: [1]}}}", "grid.pacs.rho", {"lsam": (1.0,)}),
            ("domains: {vlcs: {published: false}}", "domains.vlcs.published", False),
            # As the command line's null arrives: as text.
            ("training: {celeba: {crop: 'null'}}", "training.celeba.crop", None),
            ("data_dir: 'null'", "data_dir", None),
            ("probe: {per_group: {celeba: 8}}", "probe.per_group.celeba", 8),
            ("toy: {grid: {noise: {label: [0]}}}", "toy.grid.noise.label", (0.0,)),
        ],
    )
    def test_naming_one_setting_keeps_the_others(self, text: str, key: str, value: Any) -> None:
        expected = load({}).model_dump()
        *path, last = key.split(".")
        section = expected
        for part in path:
            section = section[part]
        section[last] = (0.5, 1.0) if last == "scale" else value
        assert load(yaml.safe_load(text)).model_dump() == expected

    def test_settings_cannot_be_assigned(self) -> None:
        settings = load({})
        for section, name in [
            (settings, "seeds"),
            (settings.grid["cifar_mnist"], "lr"),
            (settings.probe, "per_group"),
        ]:
            with pytest.raises(ValidationError, match="frozen"):
                setattr(section, name, getattr(section, name))

    def test_the_configuration_and_the_settings_share_nothing(self) -> None:
        config = {"seeds": [1], "grid": {"cifar_mnist": {"rho": {"sam": [0.5]}}}}
        settings, before = load(config), yaml.safe_dump(config)
        settings.grid["cifar_mnist"].rho["lsam"] = settings.grid.pop("pacs")
        assert yaml.safe_dump(config) == before
        config["seeds"].append(2)
        config["grid"]["cifar_mnist"]["rho"]["sam"][0] = 0.7
        assert settings.seeds == (1,)
        assert settings.grid["cifar_mnist"].rho["sam"] == (0.5,)
        assert "pacs" in load({}).grid


class TestShippedFiles:
    @pytest.fixture
    def default(self) -> dict[str, Any]:
        return yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))

    def test_the_default_is_all_demonstrations(self, default: dict[str, Any]) -> None:
        settings, documented = load(default), load({})
        assert set(settings.datasets) <= set(documented.datasets)
        for key in ("methods", "data_dir", "domains", "grid", "training", "probe"):
            assert getattr(settings, key) == getattr(documented, key)

    @pytest.mark.parametrize("name", ["paper", "domainbed"])
    def test_the_papers_sweeps_over_the_default_are_the_documented_ones(
        self, default: dict[str, Any], name: str
    ) -> None:
        sweep = yaml.safe_load((ROOT / "workflow" / "config" / f"{name}.yaml").read_text())
        update_config(default, sweep)
        settings, specs = load(default), {"paper": PUBLISHED, "domainbed": DOMAINBED}[name]
        assert settings.datasets == tuple(id_ for spec in specs for id_ in SPECS[spec].datasets)
        for dataset in settings.datasets:
            assert settings.provenance_summary(dataset)["differences"] == ()
        for spec in specs:  # The constants are spelled out.
            assert set(sweep["grid"][spec]) == {"lr", "rho"}
            assert {"epochs", "batch_size"} <= set(sweep["training"][spec])


class TestAccepted:
    @pytest.mark.parametrize("text", ["1e-3", "0.001", "0.0010", "1E-03"])
    def test_text_that_is_a_number_is_a_number(self, text: str) -> None:
        assert load(nested("grid.pacs.lr", [text, 0.5])).grid["pacs"].lr == (0.001, 0.5)
        assert load(nested("probe.tolerance", text)) == load(nested("probe.tolerance", 0.001))
        assert load({"seeds": ["7"]}).seeds == (7,)

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("probe.per_group.cifar_mnist", None),
            ("training.cifar_mnist.snapshot_epochs", []),
            ("training.celeba.network", "resnet50"),
            ("toy.studies", []),
            ("toy", {"distribution": {"train_points": 50}, "grid": {"batch_size": [1, 50]}}),
            ("methods", ["sgd"]),
            ("methods", ["asam", "lsam", "sgd"]),
            # A dataset that does not run may lack a method's ρ.
            ("grid.cifar_mnist", {"lr": {"sam": [0.1]}, "rho": {"lsam": [0.1]}}),
        ],
    )
    def test_what_else_may_be_said(self, key: str, value: Any) -> None:
        assert load(nested(key, value)) != load({})

    def test_directory_and_file_of_weights_are_relative_or_not(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        for name in ("mine.pth", "mine.safetensors"):
            (tmp_path / name).touch()
            for path in (name, str(tmp_path / name)):
                settings = load({"data_dir": ".", "training": {"cifar_mnist": {"weights": path}}})
                assert settings.data_dir == Path()
                assert settings.weights_of("cifar_mnist") == [path]

    @pytest.mark.parametrize("name", SPECS)
    @pytest.mark.parametrize("network", [name.replace("<model>", "vit_tiny") for name in NAMES])
    def test_any_network_whose_channels_fit(self, name: str, network: str) -> None:
        chosen = {"network": network, "weights": None}
        config = {"datasets": SPECS[name].datasets, "training": {name: chosen}}
        if name == "fmnist_mnist" and network != "cnn":
            assert faults(config) == [
                f"training.fmnist_mnist.network: {network} takes images of 3 channels; those of "
                "fmnist_mnist have 1"
            ]
        else:
            assert load(config).training_of(SPECS[name].datasets[0]).network == network
            weights = config | {"training": {name: {"network": network, "weights": "imagenet"}}}
            if not find_network(network).published:
                assert faults(weights) == [
                    f"training.{name}.weights: should be null or a file; {network} has no "
                    "published weights here"
                ]


NUMBER, FINITE, WHOLE = (f"should be a{kind} number" for kind in ("", " finite", " whole"))
ABOVE, FROM_0 = "should be greater than 0", "should be greater than or equal to 0"
MAPPING = "should be a mapping of keys to values"
NETWORK = "should be cnn, resnet18, resnet50, timm:<model>"
WEIGHTS = "should be null, imagenet, or a .safetensors or .pth file that exists"
NO_SGD = "should be above 0; ρ = 0 is SGD, the method sgd"
ANY = ", ".join(METHODS)
PERTURBING = "unknown key; allowed here: sam, lsam, asam"

# (key, value, how the message goes on after the key)
BAD: list[tuple[str, Any, str]] = [
    ("seeds", [int("9" * 4000)], f"[0]: {'9' * 200}… should be less than 2147483648"),
    ("sedes", [0], f": unknown key; allowed here: {TOP_LEVEL}"),
    ("training.cifar_mnist.lr", 0.1, f": unknown key; allowed here: {TRAINING}"),
    ("training.waterbirds.pretrained", True, f": unknown key; allowed here: {TRAINING}"),
    ("training.waterbirds.crop.size", 64, ": unknown key; allowed here: scale, ratio"),
    ("domains.pacs.size", 64, ": unknown key; allowed here: resolution, published"),
    # Unknown datasets in each section, whatever stands below.
    ("grid.pacs_A", {"lr": [0], "size": 3}, f": unknown key; allowed here: {SECTIONS}"),
    ("training.vlcs_C", 3, f": unknown key; allowed here: {SECTIONS}"),
    ("domains.waterbirds", {}, ": unknown key; allowed here: pacs, vlcs, office_home"),
    (
        "reference.celeba.sam",
        {"error": 0.1},
        ".error: unknown key; allowed here: test_error, worst_group_error, easy_probe_error, "
        "hard_probe_error",
    ),
    ("reference.celeba.sam.test_error", 11.5, ": 11.5 should be less than or equal to 1"),
    ("domains.digits_domains", {"resolution": 32}, ": unknown key; allowed here: pacs, vlcs, "),
    ("probe.per_group.pacs", 8, f": unknown key; allowed here: {OF_FEATURES}"),
    ("datasets", ["cifar_mnist", "cifar"], f"[1]: 'cifar' should be one of {IDS}"),
    ("datasets", ["pacs_A", "pacs"], f"[1]: 'pacs' should be one of {IDS}"),
    ("datasets", [3], f"[0]: 3 should be one of {IDS}"),
    ("datasets", [], ": [] should not be empty"),
    ("datasets", ["celeba", "celeba"], ": ['celeba', 'celeba'] should not repeat celeba"),
    ("datasets", "celeba", ": 'celeba' should be a list"),
    ("methods", ["sam"], ": ['sam'] should list sgd, with which the others are compared"),
    ("methods", [], ": [] should list sgd, with which the others are compared"),
    ("methods", ["sgd", "adam"], f"[1]: 'adam' should be one of {', '.join(METHODS)}"),
    ("methods", ["sgd", "sam", "sgd"], ": ['sgd', 'sam', 'sgd'] should not repeat sgd"),
    ("methods", "sgd", ": 'sgd' should be a list"),
    ("grid.cifar_mnist.rho", [0.1, 0], f"[1]: 0 {NO_SGD}"),
    ("grid.cifar_mnist.rho", [], ": [] should not be empty"),
    ("grid.cifar_mnist.rho", [0.1, "1e-1"], ": [0.1, '1e-1'] should not repeat 0.1"),
    ("grid.cifar_mnist.rho", 0.1, ": 0.1 should be a list"),
    ("grid.cifar_mnist.rho", [0.1, True], f"[1]: True {NUMBER}"),
    ("grid.cifar_mnist.rho", [0.1, float("inf")], f"[1]: inf {FINITE}"),
    ("grid.cifar_mnist.rho", {"sgd": [0.1]}, f".sgd: {PERTURBING}"),
    ("grid.cifar_mnist.rho", {"sam": [0.1], "adam": [0]}, f".adam: {PERTURBING}"),
    ("grid.cifar_mnist.rho", {"sam": [0.1, 0]}, f".sam[1]: 0 {NO_SGD}"),
    ("grid.cifar_mnist.rho", {"lsam": []}, ".lsam: [] should not be empty"),
    ("grid.cifar_mnist.rho", {"lsam": 0.1}, ".lsam: 0.1 should be a list"),
    ("grid.cifar_mnist.lr", [0.1, 0], f"[1]: 0 {ABOVE}"),
    ("grid.cifar_mnist.lr", [], ": [] should not be empty"),
    ("grid.pacs.lr", ["1e-3", 0.5, 0.001], ": ['1e-3', 0.5, 0.001] should not repeat 0.001"),
    ("grid.cifar_mnist.lr", ["fast"], f"[0]: 'fast' {NUMBER}"),
    ("grid.cifar_mnist.lr", [float("nan")], f"[0]: nan {FINITE}"),
    ("grid.cifar_mnist.lr", {"sgd": [0.1], "adam": []}, f".adam: unknown key; allowed here: {ANY}"),
    ("grid.cifar_mnist.lr", {"sgd": [0.1, 0]}, f".sgd[1]: 0 {ABOVE}"),
    ("grid.celeba", 0.1, f": 0.1 {MAPPING}"),
    ("seeds", [0, -1], f"[1]: -1 {FROM_0}"),
    ("seeds", [2**31], "[0]: 2147483648 should be less than 2147483648"),
    ("seeds", [], ": [] should not be empty"),
    ("seeds", [3, 1, 3], ": [3, 1, 3] should not repeat 3"),
    ("seeds", ["first"], f"[0]: 'first' {WHOLE}"),
    ("seeds", 3, ": 3 should be a list"),
    ("data_seed", -1, f": -1 {FROM_0}"),
    ("training.cifar_mnist.momentum", 1, ": 1 should be less than 1"),
    ("training.cifar_mnist.momentum", -0.1, f": -0.1 {FROM_0}"),
    ("training.cifar_mnist.momentum", None, f": None {NUMBER}"),
    ("training.fmnist_mnist.weight_decay", -1, f": -1 {FROM_0}"),
    ("training.digits_photos.epochs", 0, f": 0 {ABOVE}"),
    ("training.cifar_mnist.epochs", True, f": True {NUMBER}"),
    ("training.cifar_mnist.epochs", 2.5, f": 2.5 {WHOLE}"),
    ("training.cifar_mnist.epochs", "2.5", f": '2.5' {WHOLE}"),
    ("training.cifar_mnist.network", "resnet34", f": 'resnet34' {NETWORK}"),
    ("training.pacs.network", "timm:", f": 'timm:' {NETWORK}"),
    ("training.pacs.network", "cnn:wide", f": 'cnn:wide' {NETWORK}"),
    ("training.vlcs.network", 18, ": 18 should be a text"),
    ("training.pacs.weights", "no.pth", f": 'no.pth' {WEIGHTS}"),
    ("training.pacs.weights", __file__, f": {__file__!r} {WEIGHTS}"),
    ("training.pacs.weights", True, f": True {WEIGHTS}"),
    ("training.celeba.precision", "float16", ": 'float16' should be one of float32, bfloat16"),
    ("training.celeba.crop.scale", [0.7], "[1]: [0.7] lacks this item"),
    ("training.waterbirds.crop.scale", [0.7, 1.1], ": [0.7, 1.1] should not exceed 1, the whole "),
    ("training.waterbirds.crop.ratio", [1.3, 0.7], ": [1.3, 0.7] should be [least, most]"),
    ("training.cifar_mnist.crop", {"scale": [0.5, 1]}, ".ratio: should be given"),
    ("training.office_home.crop", 1, f": 1 {MAPPING}"),
    ("training", None, f": None {MAPPING}"),
    ("domains.vlcs.resolution", 0, f": 0 {ABOVE}"),
    ("domains.pacs.resolution", 4097, ": 4097 should be less than or equal to 4096"),
    ("domains.pacs.resolution", 64.5, f": 64.5 {WHOLE}"),
    ("probe", [5], f": [5] {MAPPING}"),
    ("probe.per_group.cifar_mnist", 1, ": 1 should be greater than or equal to 2"),
    ("probe.tolerance", "small", f": 'small' {NUMBER}"),
    ("probe.strengths", [], ": [] should not be empty"),
    ("probe.strengths", ["inf"], f"[0]: 'inf' {FINITE}"),
    ("probe_runs", "best", ": 'best' should be one of all, selected"),
    ("data_dir", "no/such", ": 'no/such' should be a directory that exists"),
    ("data_dir", __file__, f": {__file__!r} should be a directory that exists"),
    *(("data_dir", value, f": {value!r} should be a path") for value in (3, True, ["a", "b"])),
    ("toy.sweep", {}, ": unknown key; allowed here: studies, seeds, shown, distribution, "),
    ("toy.studies", ["noise", "colour"], "[1]: 'colour' should be one of complexity, dynamics, "),
    ("toy.grid.complexity", [270, 0], f"[1]: 0 {ABOVE}"),
    ("toy.grid.alpha", [0, 1], f"[0]: 0 {ABOVE}"),
    ("toy.grid.noise.label", [0, 1.5], "[1]: 1.5 should be less than or equal to 1"),
    ("toy.grid.noise.dropout", [-0.1], f"[0]: -0.1 {FROM_0}"),
    ("toy.grid.noise.gaussian", [-1], f"[0]: -1 {FROM_0}"),
    ("toy.grid.rho", [0.5], ": [0.5] should hold 0, which is SGD"),
    ("toy.lost_constants.rho", [0], ": [0] should hold a ρ of LSAM"),
    ("toy.grid.kappa", ["free"], "[0]: 'free' should be one of constant, tracking"),
    ("toy.grid.snapshot_epochs", [0], f"[0]: 0 {ABOVE}"),
]

RESNETS = ("resnet18-f37072fd.pth", "resnet50-0676ba61.pth")

# What is right by itself, and wrong together with something else.
DISAGREEING: list[tuple[str, Any, str]] = [
    ("toy.grid.batch_size", [5, 301], "[1]: 301 should be at most toy.distribution.train_points, "),
    ("toy.training.batch_size", 301, ": 301 should be at most toy.distribution.train_points, 300"),
    ("toy.shown.rho", 0.4, ": 0.4 should be among toy.grid.rho"),
    ("toy.shown.complexity", 90, ": 90 should be among toy.grid.complexity"),
    ("grid.digits_photos.rho", {"lsam": [0.1]}, ": lacks sam, as methods lists it"),
    ("grid.digits_domains.lr", {"sgd": [1]}, ": lacks sam, as methods lists it"),
    ("probe.per_group.digits_photos", 53, ": 53 should be at most 52, all that probes may be "),
    ("reference.digits_photos", {"lsam": {}}, ".lsam: is not among methods"),
    ("reference.digits_domains_R", {"sam": {}}, ": Table 1 does not have this dataset"),
]


class TestRefused:
    @pytest.mark.parametrize(("key", "value", "said"), [*BAD, *DISAGREEING])
    def test_the_message_names_key_value_and_what_is_allowed(
        self, key: str, value: Any, said: str
    ) -> None:
        (line,) = faults(nested(key, value))
        assert line.startswith(key + said)

    @pytest.mark.parametrize("cases", [BAD, DISAGREEING[:4], DISAGREEING[4:]])
    def test_all_faults_come_at_once(self, cases: list[tuple[str, Any, str]]) -> None:
        config: dict[str, Any] = {}
        expected: dict[str, str] = {}
        for key, value, said in cases:
            # One fault a key, and none above or below another.
            if not any(
                f"{a}.".startswith(f"{b}.") for u in expected for a, b in [(key, u), (u, key)]
            ):
                update_config(config, nested(key, value))
                expected[key] = key + said
        found = faults(config)
        assert len(found) == len(expected)
        for line, start in zip(sorted(found), sorted(expected.values()), strict=True):
            assert line.startswith(start)

    def test_every_item_and_a_key_that_is_a_number_are_named(self) -> None:
        wrong = [f"seeds[0]: 'a' {WHOLE}", f"seeds[2]: -2 {FROM_0}"]
        assert faults({"seeds": ["a", 1, -2]}) == wrong
        assert faults({1: 2}) == ["[1]: 1 is no key"]
        unknown = [f"grid[1]: unknown key; allowed here: {SECTIONS}"]
        assert faults({"grid": {1: {"lr": 2}}}) == unknown

    def test_methods_without_a_setting_and_networks_for_other_images(self) -> None:
        config = {
            "datasets": ["vlcs_C", "fmnist_mnist", "vlcs_L"],
            "methods": ["sgd", "lsam", "sam", "asam"],
            "grid": {"vlcs": {"lr": {"sam": [1], "asam": [2]}, "rho": {"sam": [1]}}},
            "training": {"fmnist_mnist": {"network": "resnet18"}},
        }
        assert faults(config) == [
            "grid.vlcs.lr: lacks sgd, lsam, as methods lists it",
            "grid.vlcs.rho: lacks lsam, asam, as methods lists it",
            "training.fmnist_mnist.network: resnet18 takes images of 3 channels; those of "
            "fmnist_mnist have 1",
        ]

    def test_braces_are_refused_where_they_would_be_wildcards(
        self, own: dict[str, Any], tmp_path: Path
    ) -> None:
        folder, table, weights = (str(tmp_path / f"{{a}}{end}") for end in ("", ".csv", ".pth"))
        Path(folder).mkdir()
        Path(table).touch()
        Path(weights).touch()
        config = with_own(own, images=folder, table=table) | {"data_dir": folder}
        paths = {"data_dir": folder, "own.pets.images": folder, "own.pets.table": table}
        paths["training.pets.weights"] = weights
        assert faults(config | nested("training.pets.weights", weights)) == [
            f"{key}: {path!r} should have no {{ or }} in its name" for key, path in paths.items()
        ]

    def test_the_json_schema_refuses_what_it_can_tell(self) -> None:
        validator = jsonschema.Draft202012Validator(yaml.safe_load(reference.schema()))
        # Ids of datasets are of the configuration's own ones too.
        beyond = r"pacs|waterbirds|repeat|list sgd|finite|cnn, resnet|exists|exceed"
        beyond += "|least|should be given|hold 0|hold a ρ"
        for key, value, said in BAD:
            assert re.search(beyond, said) or not validator.is_valid(nested(key, value)), key
        assert validator.is_valid({"datasets": list(DATASETS), "toy": {"grid": {"alpha": [1]}}})
        for text in (
            "training: {celeba: {epochs: 3, crop: {scale: [0.5, 1]}}, pacs: {crop: null}}",
            "grid: {celeba: {rho: {sam: [0.1]}, lr: {sgd: [1]}}, vlcs: {rho: [0.1]}}",
            "probe: {per_group: {cifar_mnist: null}}",
        ):
            assert validator.is_valid(yaml.safe_load(text))
            load(yaml.safe_load(text))


@pytest.fixture
def two(own: dict[str, Any], tmp_path: Path) -> dict[str, Any]:
    """A custom dataset of features, and one of domains."""
    described = {"images": str(tmp_path), "title": "Sketches", "domains": ["ink", "Pencil_2"]}
    return own | {"datasets": ["pets", "art_ink"], "own": own["own"] | {"art": described}}


class TestOwn:
    def test_what_is_given(self, two: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
        given = {key: two["own"]["pets"][key] for key in ("images", "table")}
        monkeypatch.chdir(Path(given["images"]).parent)
        relative = with_own(two, images="images", table="./table.csv")
        for config, paths in (
            (two, given),
            (relative | {"datasets": ["pets"]}, {"images": "images", "table": "table.csv"}),
        ):
            settings = load(config)
            assert settings.of_features == ["pets"]
            assert settings.originals_of("pets") == paths
            told = {"title": "Pets", "features": ("animal", "place"), "resolution": 64}
            assert settings.images_of("pets") == told | {"domains": None}
        settings = load(two)
        assert settings.of_domains == ["art_ink"]
        assert settings.specs["art"].datasets == ["art_ink", "art_Pencil_2"]
        assert settings.originals_of("art") == {"images": str(Path(given["images"]).parent)}
        assert settings.images_of("art")["domains"] == ("ink", "Pencil_2")
        assert settings.split_of("art_ink", 7) == "7"
        assert settings.probing_of("art_ink") == {"draws": 1, "per_group": None}

    def test_each_has_the_sections_of_any_dataset(self, two: dict[str, Any]) -> None:
        """The defaults of both are alike but for what only one has; they know no other id."""
        settings = load(two)
        assert settings.grid["pets"] == settings.grid["art"]
        pets, art = (settings.training[name].model_dump() for name in ("pets", "art"))
        assert pets | {"snapshot_epochs": ()} == art
        assert ("pets" in settings.probe.per_group, "art" in settings.probe.per_group) == (True, 0)
        changed = {"grid": {"art": {"lr": [1]}}, "probe": {"per_group": {"pets": 2}}}
        settings = load(two | changed)
        assert settings.grid_of("art_Pencil_2").lr == (1,)
        assert settings.grid_of("pets").lr == (0.01, 0.05, 0.1)
        assert settings.probing_of("pets")["per_group"] == 2
        assert faults(two | nested("probe.per_group.pets", 3)) == [
            "probe.per_group.pets: 3 should be at most 2, all that probes may be trained on of "
            "animal 'dog' with place 'street'"
        ]
        ids = f"{IDS}, pets, art_ink, art_Pencil_2"
        wrong = {"datasets": ["art"], "training": {"cats": {}}, "probe": {"per_group": {"art": 2}}}
        assert faults(two | wrong) == [
            f"datasets[0]: 'art' should be one of {ids}",
            f"training.cats: unknown key; allowed here: {SECTIONS}, pets, art",
            f"probe.per_group.art: unknown key; allowed here: {OF_FEATURES}, pets",
        ]

    def test_ids_and_titles_are_those_of_one_dataset(self, two: dict[str, Any]) -> None:
        art, pets = two["own"]["art"], two["own"]["pets"]
        own = {"pacs": pets, "art_ink": pets | {"title": "Ink"}, "art": art | {"title": "VLCS"}}
        own["toy"] = pets | {"title": "Bears"}
        assert faults(two | {"own": own, "datasets": ["celeba"]}) == [
            "own.pacs: another dataset has the id pacs",
            "own.art_ink: another dataset has the id art_ink",
            "own.art: another dataset has the id art_ink",
            "own.art.title: 'VLCS' is that of another dataset",
            "own.toy: is the name of the toy study",
        ]

    def test_an_id_that_yaml_takes_for_a_number_is_refused(self, two: dict[str, Any]) -> None:
        own = {2024: two["own"]["pets"]}
        assert faults({"own": own}) == ["own[2024]: 2024 should be a text"]

    def test_no_domain_is_called_as_a_column_of_the_table(self, two: dict[str, Any]) -> None:
        art = two["own"]["art"] | {"domains": ["ink", "Method"]}
        (line,) = faults({"own": {"art": art}})
        assert line.startswith("own.art.domains[1]: 'Method' should be the name of a folder, of ")

    def test_batch_sizes_of_a_study_that_is_not_run_may_exceed_the_points(self) -> None:
        toy = {"studies": ["complexity"], "distribution": {"train_points": 100}}
        assert load({"toy": toy}).toy.distribution.train_points == 100

    def test_every_key_that_lacks_is_named_beside_other_faults(self) -> None:
        bad = {"pets": {"resolution": 0, "size": 3}}
        assert faults({"datasets": ["pets"], "own": bad, "seeds": []}) == [
            "seeds: [] should not be empty",
            *(f"own.pets.{key}: should be given" for key in ("images", "title")),
            f"own.pets.resolution: 0 {ABOVE}",
            "own.pets.size: unknown key; allowed here: images, table, title, features, domains, "
            "resolution",
        ]

    def test_a_dataset_stands_below_an_id(self, own: dict[str, Any]) -> None:
        assert faults({"own": own["own"]["pets"]}) == [
            "own.images: should stand below an id, as in own.birds.images"
        ]
        assert faults({"own": {"Pets": own["own"]["pets"]}}) == [
            "own.Pets: 'Pets' should begin with a small letter and hold those, digits or _"
        ]
        assert faults({"own": 3}) == [f"own: 3 {MAPPING}"]

    @pytest.mark.parametrize(
        ("key", "value", "said"),
        [
            ("images", "no/such", ": 'no/such' should be a directory that exists"),
            ("images", __file__, f": {__file__!r} should be a directory that exists"),
            ("table", "no.csv", ": 'no.csv' should be a file that exists"),
            ("table", "/", ": '/' should be a file that exists"),
            ("table", 3, ": 3 should be a path"),
            ("title", "", ": '' should begin with a letter or digit and hold those, spaces or "),
            ("title", "a | b", ": 'a | b' should begin with a letter or digit"),
            ("title", "a\nb", ": 'a\\nb' should begin with a letter or digit"),
            ("features", ["a", "$b$"], "[1]: '$b$' should begin with a letter or digit"),
            ("features", ["a", 3], "[1]: 3 should be a text"),
            ("features", "animal", ": 'animal' should be a list"),
            ("features", ["a"], "[1]: ['a'] lacks this item"),
            ("features", ["a", "b", "c"], ": ['a', 'b', 'c'] should have 2 items"),
            ("features", ["a", "a"], ": ['a', 'a'] should not repeat a"),
            ("features", ["split", "a"], ": ['split', 'a'] should not hold split, a column of "),
            ("domains", ["a", "b/c"], "[1]: 'b/c' should be the name of a folder, of letters"),
            ("domains", ["a", "a"], ": ['a', 'a'] should not repeat a"),
            ("domains", ["a"], ": ['a'] should have 2 items or more"),
            ("resolution", 6.5, f": 6.5 {WHOLE}"),
        ],
    )
    def test_the_message_names_key_value_and_what_is_allowed(
        self, own: dict[str, Any], key: str, value: Any, said: str
    ) -> None:
        (line,) = faults(with_own(own, **{key: value}) | {"datasets": ["celeba"]})
        assert line.startswith(f"own.pets.{key}{said}")

    @pytest.mark.parametrize(
        "changes", [{"table": None}, {"features": None}, {"domains": ["a", "b"]}]
    )
    def test_it_has_features_or_domains(self, own: dict[str, Any], changes: dict[str, Any]) -> None:
        said = "own.pets: should give table and features, or domains"
        assert faults(with_own(own, **changes) | {"datasets": ["celeba"]}) == [said]

    @pytest.mark.parametrize("title", ["Discs on ground (2nd try), 1.5", "Vögel", "it's a-b_c"])
    def test_titles(self, own: dict[str, Any], title: str) -> None:
        assert load(with_own(own, title=title)).images_of("pets")["title"] == title


class TestRead:
    def test_the_datasets_of_the_tables_stand_apart_in_their_order(self) -> None:
        settings = load({"datasets": ["vlcs_S", "waterbirds", "pacs_A", "cifar_mnist", "vlcs_C"]})
        assert settings.of_features == ["waterbirds", "cifar_mnist"]
        assert settings.of_domains == ["vlcs_S", "pacs_A", "vlcs_C"]

    def test_runs_of_each_method(self) -> None:
        config = {"methods": ["lsam", "sgd", "sam"], "seeds": [0, 7]}
        grid = {"lr": [1e-5, 1], "rho": {"sam": [0.1], "lsam": [0.2, 1], "asam": [5]}}
        settings = load(config | {"grid": {"pacs": grid}})
        assert settings.compared_methods == ["lsam", "sam"]
        assert settings.runs_of("pacs_A", "sgd") == [
            f"pacs_A/sgd/lr={lr}/rho=0/seed={seed}" for lr in ("0.00001", "1") for seed in (0, 7)
        ]
        lsam, sgd, sam = (settings.runs_of("pacs_A", method) for method in settings.methods)
        assert settings.runs_of("pacs_A") == [*lsam, *sgd, *sam]
        assert settings.runs_of("pacs_A", "sam", "lsam") == [*sam, *lsam]
        assert (len(lsam), lsam[2]) == (8, "pacs_A/lsam/lr=0.00001/rho=1/seed=0")

    def test_a_grid_is_for_all_methods_or_by_method(self) -> None:
        rates, radii = {"sgd": [0.5], "sam": [0.1, 1], "asam": [2]}, {"sam": [3], "asam": [4, 5]}
        for lr, rho, sgd, asam in [
            ([0.1, 1], [3], [(0.1, 0), (1, 0)], [(0.1, 3), (1, 3)]),
            ([0.1, 1], radii, [(0.1, 0), (1, 0)], [(0.1, 4), (0.1, 5), (1, 4), (1, 5)]),
            (rates, [3], [(0.5, 0)], [(2, 3)]),
            (rates, radii, [(0.5, 0)], [(2, 4), (2, 5)]),
        ]:
            grid = load({"grid": {"pacs": {"lr": lr, "rho": rho}}}).grid_of("pacs_A")
            assert (grid.settings_of("sgd"), grid.settings_of("asam")) == (sgd, asam)
            assert grid.settings_of("sam") == [(0.1, 3), (1, 3)]

    def test_runs_of_a_seed_share_a_split(self, own: dict[str, Any]) -> None:
        each, one = load({}), load({"splits": "fixed", "data_seed": 9})
        for dataset in ("cifar_mnist", "fmnist_mnist", "digits_photos", "pacs_A"):
            assert [each.split_of(dataset, seed) for seed in (0, 3)] == ["0", "3"]
            assert [one.split_of(dataset, seed) for seed in (0, 3)] == ["9", "9"]
            said = "Conditional on one split, which all seeds share."
            assert said in one.run_note(dataset)
            assert said in one.provenance_summary(dataset)["differences"]
            assert said not in each.run_note(dataset)
            assert said not in each.provenance_summary(dataset)["differences"]
        for dataset in ("celeba", "waterbirds"):
            assert {load_.split_of(dataset, 3) for load_ in (each, one)} == {"published"}
            assert "one split" not in one.run_note(dataset)
        assert load(own).split_of("pets", 3) == "published"
        table = Path(own["own"]["pets"]["table"])
        table.write_text(table.read_text().replace("split", "other", 1))
        assert load(own).split_of("pets", 3) == "3"

    @pytest.mark.parametrize("name", [name for name, spec in SPECS.items() if spec.originals])
    def test_the_users_originals_come_before_downloads(self, name: str, tmp_path: Path) -> None:
        for key, alternatives in SPECS[name].originals.items():
            for place in (None, str(tmp_path)):
                found = load({"data_dir": place}).originals_of(name)[key]
                assert found == f"resources/{alternatives[-1]}"
            # Where a download is named twice, its first place counts.
            for each in reversed(dict.fromkeys(alternatives)):
                path = tmp_path / each
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
                if each.endswith("/"):
                    # A file is no folder.
                    assert load({"data_dir": str(tmp_path)}).originals_of(name)[key] != str(path)
                    path.unlink()
                    path.mkdir()
                assert load({"data_dir": str(tmp_path)}).originals_of(name)[key] == str(path)

    def test_weights_and_paths(self, own: dict[str, Any], tmp_path: Path) -> None:
        mine = tmp_path / "mine.pth"
        mine.touch()
        config = with_own(own) | {"datasets": ["pets", "pacs_A", "celeba", "cifar_mnist"]}
        config |= {"training": {"pets": {"weights": str(mine)}, "celeba": {"network": "resnet50"}}}
        settings = load(config)
        weights = [str(mine), *(f"resources/{name}" for name in RESNETS)]
        assert [path for id_ in settings.datasets for path in settings.weights_of(id_)] == weights
        paths = [own["own"]["pets"][key] for key in ("images", "table")]
        assert settings.user_paths == [*paths, *weights]
        (tmp_path / RESNETS[1]).touch()
        settings = load(config | {"data_dir": str(tmp_path)})
        weights[2] = str(tmp_path / RESNETS[1])
        assert settings.user_paths == [str(tmp_path), *paths, *weights]
        assert load({}).user_paths == []

    def test_a_target_domain_is_probed_once_on_all_it_has(self) -> None:
        settings = load({"probe": {"draws": 7, "per_group": {"waterbirds": 9}}})
        once = {"draws": 1, "per_group": None}
        assert settings.probing_of("pacs_A") == settings.probing_of("digits_domains_P") == once
        assert settings.probing_of("waterbirds") == {"draws": 7, "per_group": 9}
        assert settings.probing_of("cifar_mnist") == {"draws": 7, "per_group": 200}
        fitting = {"strengths": (0.0001, 0.001, 0.01, 0.1, 1), "tolerance": 1e-6}
        fitting |= {"max_iterations": 10000, "per_group": 9}
        assert settings.probe_settings("waterbirds") == fitting | {"protocol": "l2"}
        assert settings.contribution_settings("waterbirds") == fitting | {"strengths": [0.01]}

    def test_deep_feature_reweighting_has_its_own_strengths(self) -> None:
        settings = load({"probe": {"protocol": "dfr"}})
        probing = {"protocol": "dfr", "max_iterations": 10000, "per_group": 200}
        assert settings.probe_settings("cifar_mnist") == probing
        assert settings.contribution_settings("cifar_mnist")["strengths"] == [0.01]
        keys = {each.key for each in settings.constants_of("cifar_mnist")}
        assert ("probe.protocol" in keys, "probe.strengths" in keys) == (True, False)
        assert faults({"probe": {"protocol": "dfr", "strengths": [1]}}) == [
            "probe: {'protocol': 'dfr', 'strengths': [1]} should have no strengths: protocol dfr "
            "has its own"
        ]

    def test_networks(self, own: dict[str, Any]) -> None:
        timm = {"network": "timm:vit_tiny", "weights": None}
        config = own | {"domains": {"vlcs": {"resolution": 64}}}
        config |= {"training": {"vlcs": {"network": "resnet50"}, "office_home": timm}}
        for dataset, backbone, resolution in [
            ("pacs_A", "resnet18 (ImageNet)", 224),
            ("vlcs_C", "resnet50 (ImageNet)", 64),
            ("office_home_P", "timm:vit_tiny (from scratch)", 224),
            ("digits_domains_P", "cnn (from scratch)", 32),
            ("celeba", "resnet18 (ImageNet)", 64),
            ("pets", "cnn (from scratch)", 64),
        ]:
            expected = {"backbone": backbone, "resolution": resolution}
            assert load(config).network_of(dataset) == expected
            module = f"training.networks.{backbone.split()[0].partition(':')[0]}"
            assert load(config).network_module(dataset) == module
