import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import ValidationError
from snakemake.utils import update_config

from feature_quality.config.settings import DATASETS, Settings, family_of, load
from feature_quality.errors import InputError

ROOT = Path(__file__).parents[2]

CONCATENATED = {
    "grid": {
        "lr": (0.01, 0.05, 0.1),
        "rho": (0, 0.01, 0.03, 0.05, 0.07, 0.1, 0.2),
    },
    "training": {
        "precision": "float32",
        "compiled": False,
        "network": "cnn",
        "epochs": 20,
        "batch_size": 100,
        "momentum": 0.9,
        "weight_decay": 0,
        "snapshot_epochs": (1, 2, 5, 10),
    },
}
CELEBA = {
    "grid": {"lr": (0.0005, 0.001, 0.005, 0.01), "rho": (0, 0.01, 0.02, 0.05, 0.07)},
    "training": {
        "precision": "float32",
        "compiled": False,
        "network": "resnet18",
        "pretrained": True,
        "epochs": 20,
        "batch_size": 128,
        "momentum": 0.9,
        "weight_decay": 1e-4,
        "snapshot_epochs": (1, 3, 10),
        "update_bn_on_second_pass": False,
        "crop": {"scale": (0.7, 1), "ratio": (1, 1.3333)},
    },
}
WATERBIRDS = {
    "grid": CELEBA["grid"],
    "training": CELEBA["training"]
    | {
        "epochs": 100,
        "snapshot_epochs": (1, 5, 25),
        "crop": {"scale": (0.7, 1), "ratio": (0.75, 1.3333)},
    },
}
OWN = {
    "grid": CONCATENATED["grid"],
    "training": CONCATENATED["training"] | {"pretrained": False, "update_bn_on_second_pass": False},
}
DEMONSTRATION = {
    "grid": {"lr": (0.02, 0.05), "rho": (0, 0.1)},
    "training": CONCATENATED["training"] | {"epochs": 6, "snapshot_epochs": (1, 2, 4)},
}
DIGITS_DOMAINS = {
    "grid": {"lr": (0.05,), "rho": (0, 0.05)},
    "training": CONCATENATED["training"] | {"epochs": 8, "snapshot_epochs": ()},
}
DOMAINS = {
    "grid": CELEBA["grid"],
    "training": WATERBIRDS["training"] | {"epochs": 20, "snapshot_epochs": ()},
}
DIGITS = tuple(f"digits_domains_{letter}" for letter in "PIRN")
DOCUMENTED: dict[str, Any] = {
    "datasets": ("digits_photos", *DIGITS),
    "data_dir": None,
    "seeds": (0, 1, 2, 3),
    "data_seed": 0,
    "own": None,
    **{
        section: {
            "digits_photos": DEMONSTRATION[section],
            "cifar_mnist": CONCATENATED[section],
            "fmnist_mnist": CONCATENATED[section],
            "celeba": CELEBA[section],
            "waterbirds": WATERBIRDS[section],
            "own": OWN[section],
            "digits_domains": DIGITS_DOMAINS[section],
            "pacs": DOMAINS[section],
            "vlcs": DOMAINS[section],
            "office_home": DOMAINS[section],
        }
        for section in ("grid", "training")
    },
    "domains": {
        "digits_domains": {"resolution": 32},
        "pacs": {"resolution": 224, "published": True},
        "vlcs": {"resolution": 224, "published": True},
        "office_home": {"resolution": 224, "published": True},
    },
    "probe": {
        "draws": 5,
        "strengths": (1e-4, 1e-3, 1e-2, 1e-1, 1),
        "tolerance": 1e-6,
        "max_iterations": 10_000,
        "contribution_strength": 0.01,
        "per_group": {
            "digits_photos": None,
            "cifar_mnist": 250,
            "fmnist_mnist": 40,
            "celeba": None,
            "waterbirds": None,
            "own": None,
        },
    },
    "probe_runs": "all",
    "toy": {
        "studies": (
            "complexity",
            "dynamics",
            "interventions",
            "noise",
            "batch_size",
            "appendix_d",
        ),
        "seeds": tuple(range(10)),
        "shown": {"complexity": 270, "rho": 0.5, "network_rho": 0.1},
        "distribution": {
            "train_points": 300,
            "test_points": 2000,
            "gap": 0.1,
            "easy_scale": 1,
            "hard_scale": 3,
            "inner_radius": 0.1,
            "jitter": 0.06,
        },
        "training": {"lr": 0.01, "batch_size": 5, "epochs": 300},
        "sweep": {
            "complexity": (180, 270, 360, 450, 540),
            "rho": (0, 0.1, 0.2, 0.3, 0.5, 0.7, 1),
            "alpha": (0.25, 0.5, 1, 2, 4),
            "kappa": ("constant", "tracking"),
            "batch_size": (1, 2, 5, 10, 20, 50, 100, 300),
            "checkpoints": (1, 3, 10, 30, 100),
            "noise": {
                "label": (0, 0.02, 0.04, 0.06, 0.08, 0.1),
                "gaussian": (0, 0.2, 0.4, 0.6, 0.8, 1),
                "dropout": (0, 0.08, 0.16, 0.24, 0.32, 0.4),
            },
        },
    },
}


PUBLISHED = ("cifar_mnist", "fmnist_mnist", "celeba", "waterbirds")
NAMES = "digits_photos, cifar_mnist, fmnist_mnist, celeba, waterbirds, own"
FAMILIES = f"{NAMES}, digits_domains, pacs, vlcs, office_home"
IDS = (
    f"{NAMES}, digits_domains_P, digits_domains_I, digits_domains_R, digits_domains_N, "
    "pacs_A, pacs_C, pacs_P, pacs_S, vlcs_C, vlcs_L, vlcs_S, vlcs_V, "
    "office_home_A, office_home_C, office_home_P, office_home_R"
)


def nested(key: str, value: Any) -> dict[str, Any]:
    """Return the configuration that sets a dotted key."""
    for part in reversed(key.split(".")):
        value = {part: value}
    return value


def update(own: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return the configuration of a dataset of one's own, with other values."""
    return own | {"own": own["own"] | changes}


def faults(config: dict[str, Any]) -> list[str]:
    with pytest.raises(InputError) as raised:
        load(config)
    heading, *lines = str(raised.value).split("\n  ")
    count = re.fullmatch(r"The configuration has (\d+) faults?:", heading)
    assert count
    assert int(count[1]) == len(lines)
    return lines


PARTS = ["domains", "domains.pacs", "grid", "training", "probe", "probe.per_group"]


class TestDefaults:
    def test_an_empty_configuration_is_the_documented_one(self) -> None:
        assert load({}).model_dump() == DOCUMENTED
        assert {family_of(dataset) for dataset in DATASETS} == set(DOCUMENTED["grid"])

    @pytest.mark.parametrize("part", PARTS)
    def test_an_empty_section_is_the_default(self, part: str) -> None:
        assert load(nested(part, {})) == load({})

    def test_naming_one_setting_keeps_the_others(self) -> None:
        settings = load({"training": {"fmnist_mnist": {"epochs": 3}}})
        changed = DOCUMENTED["training"]["fmnist_mnist"] | {"epochs": 3}
        training = DOCUMENTED["training"] | {"fmnist_mnist": changed}
        assert settings.model_dump() == DOCUMENTED | {"training": training}


class TestShippedFiles:
    @pytest.fixture
    def default(self) -> dict[str, Any]:
        return yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))

    @pytest.fixture
    def paper(self) -> dict[str, Any]:
        text = (ROOT / "workflow" / "config" / "paper.yaml").read_text(encoding="utf-8")
        return yaml.safe_load(text)

    def test_the_default_is_all_demonstrations(self, default: dict[str, Any]) -> None:
        settings = load(default)
        assert settings.datasets == ("digits_photos", *DIGITS)
        assert settings.data_dir is None
        assert settings.domains == load({}).domains
        assert settings.grid == load({}).grid
        assert settings.training == load({}).training

    def test_the_papers_sweep_over_the_default_is_the_documented_one(
        self, default: dict[str, Any], paper: dict[str, Any]
    ) -> None:
        update_config(default, paper)
        settings, documented = load(default), load({})
        assert settings.datasets == PUBLISHED
        assert settings.seeds == (0, 1, 2, 3)
        assert settings.probe == documented.probe
        assert settings.probe_runs == documented.probe_runs
        for dataset in PUBLISHED:
            assert getattr(settings.grid, dataset) == getattr(documented.grid, dataset)
            assert getattr(settings.training, dataset) == getattr(documented.training, dataset)
            assert settings.standing(dataset)["departures"] == ()

    def test_the_papers_sweep_spells_the_constants_out(self, paper: dict[str, Any]) -> None:
        for dataset in PUBLISHED:
            assert set(paper["grid"][dataset]) == {"lr", "rho"}
            assert {"epochs", "batch_size", "momentum", "weight_decay"} <= set(
                paper["training"][dataset]
            )


class TestAccepted:
    @pytest.mark.parametrize("text", ["1e-3", "0.001", "0.0010", "1E-03"])
    def test_text_that_is_a_number_is_a_number(self, text: str) -> None:
        settings = load(nested("grid.cifar_mnist.lr", [text, 0.5]))
        assert settings.grid.cifar_mnist.lr == (0.001, 0.5)

    def test_text_that_is_a_number_alone(self) -> None:
        assert load(nested("training.cifar_mnist.weight_decay", "5e-4")) == load(
            nested("training.cifar_mnist.weight_decay", 0.0005)
        )
        assert load({"seeds": ["7"]}).seeds == (7,)

    def test_a_directory_that_exists(self, tmp_path: Path) -> None:
        assert load({"data_dir": str(tmp_path)}).data_dir == tmp_path

    def test_none_for_the_smallest_group(self) -> None:
        assert load(nested("probe.per_group.cifar_mnist", None)).probe.per_group.cifar_mnist is None

    def test_a_cnn_that_is_not_pretrained(self) -> None:
        changed = {"network": "cnn", "pretrained": False}
        departures = load({"training": {"celeba": changed}}).standing("celeba")["departures"]
        assert departures == (
            'training.celeba.network: "cnn" instead of the documented "resnet18".',
            "training.celeba.pretrained: false instead of the documented true.",
        )

    @pytest.mark.parametrize("family", ["celeba", "waterbirds", "pacs", "vlcs", "office_home"])
    def test_either_resnet(self, family: str) -> None:
        settings = load(nested(f"training.{family}.network", "resnet50"))
        assert getattr(settings.training, family).network == "resnet50"

    def test_a_departure_below_the_training_is_named(self) -> None:
        settings = load(nested("training.celeba.crop.scale", [0.5, 1]))
        assert settings.standing("celeba")["departures"] == (
            "training.celeba.crop.scale: [0.5, 1.0] instead of the documented [0.7, 1.0].",
        )
        assert settings.standing("waterbirds")["departures"] == ()

    def test_a_remark_says_what_the_runs_were(self) -> None:
        settings = load({"seeds": [5]} | nested("training.celeba.epochs", 2))
        assert settings.remark("celeba") == (
            "1 seed, 2 epochs. Not the documented settings: seeds, training.celeba.epochs."
        )

    def test_no_snapshots(self) -> None:
        settings = load(nested("training.cifar_mnist.snapshot_epochs", []))
        assert settings.training.cifar_mnist.snapshot_epochs == ()


TOP_LEVEL = (
    "datasets, data_dir, seeds, data_seed, own, domains, grid, training, probe, probe_runs, toy"
)

# (key, value, key in the message, value in the message, what is allowed)
BAD = {
    "unknown key": ("sedes", [0], "sedes", None, f"unknown key; allowed here: {TOP_LEVEL}"),
    "unknown nested key": (
        *("training.cifar_mnist.lr", 0.1, "training.cifar_mnist.lr", None),
        "unknown key; allowed here: precision, compiled, network, epochs, batch_size, momentum, "
        "weight_decay, snapshot_epochs",
    ),
    "unknown dataset in a section": (
        *("probe.per_group.cifar", 3, "probe.per_group.cifar", None),
        f"unknown key; allowed here: {NAMES}",
    ),
    "unknown dataset": (
        *("datasets", ["cifar_mnist", "cifar"], "datasets[1]", "'cifar'"),
        f"should be one of {IDS}",
    ),
    "a family for a dataset": (
        *("datasets", ["pacs_A", "pacs"], "datasets[1]", "'pacs'"),
        f"should be one of {IDS}",
    ),
    "a letter of another family": (
        *("datasets", ["vlcs_A"], "datasets[0]", "'vlcs_A'"),
        f"should be one of {IDS}",
    ),
    "a number for a dataset": (
        *("datasets", [3], "datasets[0]", "3"),
        "should be a valid string",
    ),
    "a dataset for its family": (
        *("grid.pacs_A", {}, "grid.pacs_A", None),
        f"unknown key; allowed here: {FAMILIES}",
    ),
    "a target domain has no groups": (
        *("probe.per_group.pacs", 8, "probe.per_group.pacs", None),
        f"unknown key; allowed here: {NAMES}",
    ),
    "a family that is not there": (
        *("domains.waterbirds", {}, "domains.waterbirds", None),
        "unknown key; allowed here: digits_domains, pacs, vlcs, office_home",
    ),
    "unknown key of a family": (
        *("domains.pacs.size", 64, "domains.pacs.size", None),
        "unknown key; allowed here: resolution, published",
    ),
    "unknown key of the digits": (
        *("domains.digits_domains.published", True, "domains.digits_domains.published", None),
        "unknown key; allowed here: resolution",
    ),
    "no pixels": (
        *("domains.vlcs.resolution", 0, "domains.vlcs.resolution", "0"),
        "should be greater than 0",
    ),
    "half a pixel": (
        *("domains.pacs.resolution", 64.5, "domains.pacs.resolution", "64.5"),
        "should be a whole number",
    ),
    "another size of digits": (
        *("domains.digits_domains.resolution", 64, "domains.digits_domains.resolution", "64"),
        "should be 32",
    ),
    "negative rho": (
        *("grid.cifar_mnist.rho", [0, -0.1], "grid.cifar_mnist.rho[1]", "-0.1"),
        "should be greater than or equal to 0",
    ),
    "zero lr": (
        *("grid.cifar_mnist.lr", [0.1, 0], "grid.cifar_mnist.lr[1]", "0"),
        "should be greater than 0",
    ),
    "negative lr": (
        *("grid.fmnist_mnist.lr", [-1], "grid.fmnist_mnist.lr[0]", "-1"),
        "should be greater than 0",
    ),
    "negative seed": (
        *("seeds", [0, -1], "seeds[1]", "-1"),
        "should be greater than or equal to 0",
    ),
    "momentum 1": (
        *("training.cifar_mnist.momentum", 1, "training.cifar_mnist.momentum", "1"),
        "should be less than 1",
    ),
    "negative momentum": (
        *("training.cifar_mnist.momentum", -0.1, "training.cifar_mnist.momentum", "-0.1"),
        "should be greater than or equal to 0",
    ),
    "one of every group": (
        *("probe.per_group.cifar_mnist", 1, "probe.per_group.cifar_mnist", "1"),
        "should be greater than or equal to 2",
    ),
    "no epochs": (
        *("training.digits_photos.epochs", 0, "training.digits_photos.epochs", "0"),
        "should be greater than 0",
    ),
    "empty lr": ("grid.cifar_mnist.lr", [], "grid.cifar_mnist.lr", "[]", "should not be empty"),
    "empty rho": ("grid.cifar_mnist.rho", [], "grid.cifar_mnist.rho", "[]", "should not be empty"),
    "empty seeds": ("seeds", [], "seeds", "[]", "should not be empty"),
    "empty datasets": ("datasets", [], "datasets", "[]", "should not be empty"),
    "repeated seed": ("seeds", [3, 1, 3], "seeds", "[3, 1, 3]", "should not repeat 3"),
    "repeated as text": (
        *("grid.cifar_mnist.lr", ["1e-3", 0.5, 0.001], "grid.cifar_mnist.lr"),
        *("['1e-3', 0.5, 0.001]", "should not repeat 0.001"),
    ),
    "repeated dataset": (
        *("datasets", ["cifar_mnist", "cifar_mnist"], "datasets"),
        *("['cifar_mnist', 'cifar_mnist']", "should not repeat cifar_mnist"),
    ),
    "text for a number": (
        *("grid.cifar_mnist.lr", ["fast"], "grid.cifar_mnist.lr[0]", "'fast'"),
        "should be a number",
    ),
    "text for a whole number": (
        *("seeds", ["first"], "seeds[0]", "'first'"),
        "should be a whole number",
    ),
    "text for a lone number": (
        *("probe.tolerance", "small", "probe.tolerance", "'small'"),
        "should be a number",
    ),
    "nothing for a number": (
        *("training.cifar_mnist.momentum", None, "training.cifar_mnist.momentum", "None"),
        "should be a number",
    ),
    "boolean for a number": (
        *("grid.cifar_mnist.rho", [0, True], "grid.cifar_mnist.rho[1]", "True"),
        "should be a number",
    ),
    "boolean for 0": (
        *("grid.cifar_mnist.rho", [False], "grid.cifar_mnist.rho[0]", "False"),
        "should be a number",
    ),
    "boolean for a whole number": (
        *("training.cifar_mnist.epochs", True, "training.cifar_mnist.epochs", "True"),
        "should be a number",
    ),
    "boolean for a size": (
        *("probe.per_group.cifar_mnist", True, "probe.per_group.cifar_mnist", "True"),
        "should be a number",
    ),
    "not a number": (
        *("grid.cifar_mnist.lr", [float("nan")], "grid.cifar_mnist.lr[0]", "nan"),
        "should be a finite number",
    ),
    "infinity": (
        *("grid.cifar_mnist.rho", [0, float("inf")], "grid.cifar_mnist.rho[1]", "inf"),
        "should be a finite number",
    ),
    "infinity as text": (
        *("probe.strengths", ["inf"], "probe.strengths[0]", "'inf'"),
        "should be a finite number",
    ),
    "scalar for a list": ("seeds", 3, "seeds", "3", "should be a list"),
    "scalar for a list of rho": (
        *("grid.cifar_mnist.rho", 0.1, "grid.cifar_mnist.rho", "0.1"),
        "should be a list",
    ),
    "name for a list of datasets": (
        *("datasets", "cifar_mnist", "datasets", "'cifar_mnist'"),
        "should be a list",
    ),
    "scalar for a mapping": (
        *("grid.cifar_mnist", 0.1, "grid.cifar_mnist", "0.1"),
        "should be a mapping of keys to values",
    ),
    "nothing for a mapping": (
        *("training", None, "training", "None"),
        "should be a mapping of keys to values",
    ),
    "list for a mapping": (
        *("probe", [5], "probe", "[5]"),
        "should be a mapping of keys to values",
    ),
    "data_dir that is not there": (
        *("data_dir", "no/such/place", "data_dir", "'no/such/place'"),
        "should be a directory that exists",
    ),
    "data_dir that is a file": (
        *("data_dir", __file__, "data_dir", repr(__file__)),
        "should be a directory that exists",
    ),
    "rho without SGD": (
        *("grid.digits_photos.rho", [0.1, 0.2], "grid.digits_photos.rho", "[0.1, 0.2]"),
        "should hold 0, which is SGD",
    ),
    "fractional epochs": (
        *("training.cifar_mnist.epochs", 2.5, "training.cifar_mnist.epochs", "2.5"),
        "should be a whole number",
    ),
    "fractional epochs as text": (
        *("training.cifar_mnist.epochs", "2.5", "training.cifar_mnist.epochs", "'2.5'"),
        "should be a whole number",
    ),
    "unknown study": (
        *("toy.studies", ["noise", "colour"], "toy.studies[1]", "'colour'"),
        "should be 'complexity', 'dynamics', 'interventions', 'noise', 'batch_size' or "
        "'appendix_d'",
    ),
    "no rotation": (
        *("toy.sweep.complexity", [270, 0], "toy.sweep.complexity[1]", "0"),
        "should be greater than 0",
    ),
    "alpha 0": (
        *("toy.sweep.alpha", [0, 1], "toy.sweep.alpha[0]", "0"),
        "should be greater than 0",
    ),
    "probability above 1": (
        *("toy.sweep.noise.label", [0, 1.5], "toy.sweep.noise.label[1]", "1.5"),
        "should be less than or equal to 1",
    ),
    "probability below 0": (
        *("toy.sweep.noise.dropout", [-0.1], "toy.sweep.noise.dropout[0]", "-0.1"),
        "should be greater than or equal to 0",
    ),
    "negative deviation": (
        *("toy.sweep.noise.gaussian", [-1], "toy.sweep.noise.gaussian[0]", "-1"),
        "should be greater than or equal to 0",
    ),
    "toy's rho without SGD": (
        *("toy.sweep.rho", [0.5], "toy.sweep.rho", "[0.5]"),
        "should hold 0, which is SGD",
    ),
    "unknown norm": (
        *("toy.sweep.kappa", ["free"], "toy.sweep.kappa[0]", "'free'"),
        "should be 'constant' or 'tracking'",
    ),
    "unknown choice": (
        *("probe_runs", "best", "probe_runs", "'best'"),
        "should be 'all' or 'selected'",
    ),
    "a network that the dataset does not have": (
        *("training.cifar_mnist.network", "resnet18", "training.cifar_mnist.network"),
        *("'resnet18'", "should be 'cnn'"),
    ),
    "a ResNet for digits": (
        *("training.digits_domains.network", "resnet18", "training.digits_domains.network"),
        *("'resnet18'", "should be 'cnn'"),
    ),
    "a network that is not there": (
        *("training.pacs.network", "resnet34", "training.pacs.network"),
        *("'resnet34'", "should be 'resnet18', 'resnet50' or 'cnn'"),
    ),
    "a span upside down": (
        *("training.waterbirds.crop.ratio", [1.3, 0.7], "training.waterbirds.crop.ratio"),
        *("[1.3, 0.7]", "should be [least, most]"),
    ),
    "more than the image": (
        *("training.waterbirds.crop.scale", [0.7, 1.1], "training.waterbirds.crop.scale"),
        *("[0.7, 1.1]", "should not exceed 1, the whole image"),
    ),
    "half a span": (
        *("training.celeba.crop.scale", [0.7], "training.celeba.crop.scale[1]", "[0.7]"),
        "lacks this item",
    ),
    "no precision": (
        *("training.celeba.precision", "float16", "training.celeba.precision", "'float16'"),
        "should be 'float32' or 'bfloat16'",
    ),
}


def line(key: str, value: str | None, rule: str) -> str:
    return f"{key}: {rule}" if value is None else f"{key}: {value} {rule}"


class TestRefused:
    @pytest.mark.parametrize("case", BAD.values(), ids=BAD)
    def test_the_message_names_key_value_and_what_is_allowed(self, case: tuple[Any, ...]) -> None:
        key, value, *expected = case
        assert faults(nested(key, value)) == [line(*expected)]

    def test_all_faults_come_at_once(self) -> None:
        config: dict[str, Any] = {}
        expected = []
        used: list[str] = []
        for key, value, *message in BAD.values():
            # One fault a key, and none above or below another.
            if not any(f"{a}.".startswith(f"{b}.") for b in used for a, b in [(key, b), (b, key)]):
                update_config(config, nested(key, value))
                expected.append(line(*message))
                used.append(key)
        assert len(expected) > 12
        assert sorted(faults(config)) == sorted(expected)

    @pytest.mark.parametrize("family", ["celeba", "pacs"])
    def test_pretrained_weights_for_a_network_that_has_none(self, family: str) -> None:
        assert faults(nested(f"training.{family}.network", "cnn")) == [
            f"training.{family}: {{'network': 'cnn'}} needs pretrained: false with network: cnn"
        ]

    def test_every_item_of_a_list_is_named(self) -> None:
        assert faults({"seeds": ["a", 1, -2]}) == [
            "seeds[0]: 'a' should be a whole number",
            "seeds[2]: -2 should be greater than or equal to 0",
        ]

    def test_a_key_that_is_a_number_is_named(self) -> None:
        assert faults({1: 2}) == ["[1]: 1 is no key"]
        assert faults({"grid": {1: 2}}) == ["grid[1]: 1 is no key"]

    @pytest.mark.parametrize("value", [3, True, ["a", "b"]])
    def test_what_is_no_path_is_no_directory(self, value: Any) -> None:
        assert faults({"data_dir": value}) == [f"data_dir: {value!r} should be a path"]


class TestFamilies:
    @pytest.mark.parametrize(
        ("dataset", "family"),
        [
            ("digits_photos", "digits_photos"),
            ("fmnist_mnist", "fmnist_mnist"),
            ("digits_domains_N", "digits_domains"),
            ("pacs_A", "pacs"),
            ("office_home_R", "office_home"),
        ],
    )
    def test_a_datasets_sections_are_its_familys(self, dataset: str, family: str) -> None:
        settings = load({"grid": {family: {"lr": [7]}}, "training": {family: {"epochs": 7}}})
        assert family_of(dataset) == family
        assert settings.grid_of(dataset) is getattr(settings.grid, family)
        assert settings.grid_of(dataset).lr == (7,)
        assert settings.training_of(dataset) is getattr(settings.training, family)
        assert settings.training_of(dataset).epochs == 7

    def test_the_datasets_of_the_tables_stand_apart_in_their_order(self) -> None:
        settings = load({"datasets": ["vlcs_S", "waterbirds", "pacs_A", "cifar_mnist", "vlcs_C"]})
        assert settings.of_features == ["waterbirds", "cifar_mnist"]
        assert settings.of_domains == ["vlcs_S", "pacs_A", "vlcs_C"]

    def test_a_target_domain_is_probed_once_on_all_it_has(self) -> None:
        settings = load({"probe": {"draws": 7, "per_group": {"waterbirds": 9}}})
        assert settings.probing_of("pacs_A") == {"draws": 1, "per_group": None}
        assert settings.probing_of("digits_domains_P") == {"draws": 1, "per_group": None}
        assert settings.probing_of("waterbirds") == {"draws": 7, "per_group": 9}
        assert settings.probing_of("cifar_mnist") == {"draws": 7, "per_group": 250}

    def test_networks(self) -> None:
        settings = load(
            {
                "domains": {"vlcs": {"resolution": 64}},
                "training": {
                    "vlcs": {"network": "resnet50"},
                    "office_home": {"network": "resnet50", "pretrained": False},
                },
            }
        )
        assert [settings.network_of(f"{family}_C") for family in ("pacs", "vlcs")] == [
            {"backbone": "resnet18 (ImageNet)", "resolution": 224},
            {"backbone": "resnet50 (ImageNet)", "resolution": 64},
        ]
        assert settings.network_of("office_home_P") == {
            "backbone": "resnet50 (from scratch)",
            "resolution": 224,
        }
        assert settings.network_of("digits_domains_P") == {
            "backbone": "cnn (from scratch)",
            "resolution": 32,
        }

    def test_the_constants_of_a_target_domain(self) -> None:
        keys = [constant.key for constant in load({}).constants_of("pacs_A")]
        training = DOMAINS["training"].keys() - {"crop"} | {"crop.scale", "crop.ratio"}
        probe = DOCUMENTED["probe"].keys() - {"draws", "per_group"}
        assert len(keys) == len(set(keys))
        assert set(keys) == {
            *("seeds", "data_seed", "grid.pacs.lr", "grid.pacs.rho", "domains.pacs.resolution"),
            *(f"training.pacs.{name}" for name in training),
            *(f"probe.{name}" for name in probe),
        }

    def test_the_constants_of_two_features(self) -> None:
        keys = [constant.key for constant in load({}).constants_of("cifar_mnist")]
        assert set(keys) == {
            *("seeds", "data_seed", "grid.cifar_mnist.lr", "grid.cifar_mnist.rho"),
            *(f"training.cifar_mnist.{name}" for name in CONCATENATED["training"]),
            *(f"probe.{name}" for name in DOCUMENTED["probe"].keys() - {"per_group"}),
            "probe.per_group.cifar_mnist",
        }

    def test_departures_name_the_family(self) -> None:
        settings = load(
            {
                "domains": {
                    "pacs": {"resolution": 64, "published": False},
                    "vlcs": {"resolution": 32},
                },
                "grid": {"pacs": {"lr": [0.5]}},
                "training": {"pacs": {"crop": {"ratio": [1, 2]}}, "vlcs": {"epochs": 1}},
                "probe": {"draws": 2, "per_group": {"cifar_mnist": 8}, "tolerance": 0.5},
            }
        )
        probe = "probe.tolerance: 0.5 instead of the documented 1e-06."
        for dataset in ("pacs_A", "pacs_S"):
            assert settings.standing(dataset) == {
                "provenance": "ours",
                "departures": (
                    "grid.pacs.lr: [0.5] instead of the documented [0.0005, 0.001, 0.005, 0.01].",
                    "training.pacs.crop.ratio: [1.0, 2.0] instead of the documented "
                    "[0.75, 1.3333].",
                    "domains.pacs.resolution: 64 instead of the documented 224.",
                    probe,
                ),
            }
        assert settings.standing("office_home_A")["departures"] == (probe,)

    def test_a_remark_on_a_target_domain(self) -> None:
        assert load({"seeds": [5]}).remark("digits_domains_I") == (
            "1 seed, 8 epochs. Not the documented settings: seeds."
        )


class TestOwn:
    def test_what_is_given(self, own: dict[str, Any]) -> None:
        settings = load(own)
        assert settings.own
        assert settings.own.model_dump() == {
            "images": Path(own["own"]["images"]),
            "table": Path(own["own"]["table"]),
            "title": "Pets",
            "features": ("animal", "place"),
            "resolution": 64,
        }
        assert settings.of_features == ["own"]
        assert load({"own": None}) == load({})

    def test_paths_are_relative_to_the_working_directory(
        self, own: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(Path(own["own"]["images"]).parent)
        settings = load(update(own, images="images", table="./table.csv"))
        assert settings.own
        assert (settings.own.images, settings.own.table) == (Path("images"), Path("table.csv"))

    def test_a_dataset_that_is_listed_has_to_be_described(self) -> None:
        said = "own: should give images, table, title, features, as datasets lists own"
        assert faults({"datasets": ["own"]}) == [said]
        assert faults({"datasets": ["celeba", "own"], "own": None, "seeds": []}) == [
            "seeds: [] should not be empty",
            said,
        ]

    def test_a_dataset_that_is_described_has_to_be_listed(self, own: dict[str, Any]) -> None:
        for datasets in ({}, {"datasets": ["celeba"]}):
            assert faults({"own": own["own"]} | datasets) == [
                "own: is filled in, but datasets does not list own"
            ]

    def test_every_key_that_lacks_is_named_beside_other_faults(self) -> None:
        assert faults({"datasets": ["own"], "own": {"resolution": 0, "size": 3}, "seeds": []}) == [
            "seeds: [] should not be empty",
            "own.images: should be given",
            "own.table: should be given",
            "own.title: should be given",
            "own.features: should be given",
            "own.resolution: 0 should be greater than 0",
            "own.size: unknown key; allowed here: images, table, title, features, resolution",
        ]

    @pytest.mark.parametrize(
        ("key", "value", "message"),
        [
            ("images", "no/such", "images: 'no/such' should be a directory that exists"),
            ("images", __file__, f"images: {__file__!r} should be a directory that exists"),
            ("table", "no.csv", "table: 'no.csv' should be a file that exists"),
            ("table", "/", "table: '/' should be a file that exists"),
            ("table", 3, "table: 3 should be a path"),
            ("title", "", "title: '' should begin with a letter or digit and hold those, spaces"),
            ("title", "a | b", "title: 'a | b' should begin with a letter or digit"),
            ("title", "a\nb", "title: 'a\\nb' should begin with a letter or digit"),
            ("features", ["a", "$b$"], "features[1]: '$b$' should begin with a letter or digit"),
            ("features", ["a", 3], "features[1]: 3 should be a valid string"),
            ("features", "animal", "features: 'animal' should be a list"),
            ("features", ["a"], "features[1]: ['a'] lacks this item"),
            ("features", ["a", "b", "c"], "features: ['a', 'b', 'c'] should have 2 items"),
            ("features", ["a", "a"], "features: ['a', 'a'] should not repeat a"),
            (
                *("features", ["split", "a"]),
                "features: ['split', 'a'] should not hold split, a column of the table already",
            ),
            ("resolution", 6.5, "resolution: 6.5 should be a whole number"),
        ],
    )
    def test_the_message_names_key_value_and_what_is_allowed(
        self, own: dict[str, Any], key: str, value: Any, message: str
    ) -> None:
        (said,) = faults(update(own, **{key: value}))
        assert said.startswith(f"own.{message}")

    def test_braces_are_refused_where_they_would_be_wildcards(
        self, own: dict[str, Any], tmp_path: Path
    ) -> None:
        (tmp_path / "{a}").mkdir()
        (tmp_path / "{a}.csv").touch()
        assert faults(
            update(own, images=str(tmp_path / "{a}"), table=str(tmp_path / "{a}.csv"))
        ) == [
            f"own.{key}: '{tmp_path / name}' should have no {{ or }} in its name"
            for key, name in (("images", "{a}"), ("table", "{a}.csv"))
        ]

    @pytest.mark.parametrize("title", ["Discs on ground (2nd try), 1.5", "Vögel", "it's a-b_c"])
    def test_titles(self, own: dict[str, Any], title: str) -> None:
        settings = load(update(own, title=title))
        assert settings.own
        assert settings.own.title == title

    def test_either_resnet(self, own: dict[str, Any]) -> None:
        training = {"training": {"own": {"network": "resnet50", "pretrained": True}}}
        assert load(own | training).training.own.network == "resnet50"
        assert faults(own | {"training": {"own": {"pretrained": True}}}) == [
            "training.own: {'pretrained': True} needs pretrained: false with network: cnn"
        ]

    def test_its_constants(self, own: dict[str, Any]) -> None:
        keys = [constant.key for constant in load(own).constants_of("own")]
        assert len(keys) == len(set(keys))
        assert set(keys) == {
            *("seeds", "data_seed", "grid.own.lr", "grid.own.rho", "own.resolution"),
            *(f"training.own.{name}" for name in OWN["training"]),
            *(f"probe.{name}" for name in DOCUMENTED["probe"].keys() - {"per_group"}),
            "probe.per_group.own",
        }

    def test_departures(self, own: dict[str, Any]) -> None:
        settings = load(update(own, resolution=32) | {"datasets": ["own", "celeba"]})
        assert settings.standing("own")["departures"] == (
            "own.resolution: 32 instead of the documented 64.",
        )
        assert settings.standing("celeba")["departures"] == ()


class TestWorkload:
    def test_of_the_users_own(self, own: dict[str, Any]) -> None:
        assert load(update(own, resolution=32)).workload("own") == {
            "dataset": "own",
            "resolution": 32,
            "own": {"table": own["own"]["table"], "features": ["animal", "place"]},
            "network": "cnn",
            "lrs": 3,
            "rhos": [0, 0.01, 0.03, 0.05, 0.07, 0.1, 0.2],
            "seeds": 4,
            "epochs": 20,
            "snapshots": 4,
            "draws": 5,
            "per_group": None,
            "probed": None,
        }

    def test_of_a_target_domain(self) -> None:
        settings = load({"domains": {"pacs": {"resolution": 64}}, "probe_runs": "selected"})
        assert settings.workload("pacs_A") == {
            "dataset": "pacs_A",
            "resolution": 64,
            "own": None,
            "network": "resnet18",
            "lrs": 4,
            "rhos": [0, 0.01, 0.02, 0.05, 0.07],
            "seeds": 4,
            "epochs": 20,
            "snapshots": 0,
            "draws": 1,
            "per_group": None,
            # SGD's setting, SAM's, and SAM's at SGD's learning rate.
            "probed": 12,
        }

    def test_of_two_features(self) -> None:
        settings = load({"seeds": [0], "training": {"cifar_mnist": {"epochs": 4}}})
        assert settings.workload("cifar_mnist") == {
            "dataset": "cifar_mnist",
            "resolution": None,
            "own": None,
            "network": "cnn",
            "lrs": 3,
            "rhos": [0, 0.01, 0.03, 0.05, 0.07, 0.1, 0.2],
            "seeds": 1,
            "epochs": 4,
            # Those after epochs 1 and 2; 5 and 10 are never reached.
            "snapshots": 2,
            "draws": 5,
            "per_group": 250,
            "probed": None,
        }


class TestImmutable:
    def test_settings_cannot_be_assigned(self) -> None:
        settings = load({})
        for section, name in [
            (settings, "seeds"),
            (settings, "grid"),
            (settings.grid, "cifar_mnist"),
            (settings.grid.cifar_mnist, "lr"),
            (settings.probe.per_group, "cifar_mnist"),
        ]:
            with pytest.raises(ValidationError, match="frozen"):
                setattr(section, name, getattr(section, name))

    def test_what_it_holds_cannot_change_either(self) -> None:
        # Only immutable values can be hashed.
        assert hash(load({})) == hash(load({}))

    def test_the_configuration_it_came_from_may_change(self) -> None:
        config = {"seeds": [1], "grid": {"cifar_mnist": {"lr": [0.5]}}}
        settings = load(config)
        config["seeds"].append(2)
        config["grid"]["cifar_mnist"]["lr"][0] = 0.7
        assert settings.seeds == (1,)
        assert settings.grid.cifar_mnist.lr == (0.5,)


def test_the_json_schema_refuses_what_is_out_of_range() -> None:
    schema = Settings.model_json_schema()
    for key, value in [
        ("seeds", [-1]),
        ("data_seed", -1),
        ("grid.cifar_mnist.lr", [0]),
        ("grid.fmnist_mnist.rho", [0, -0.1]),
        ("training.cifar_mnist.epochs", 0),
        ("training.cifar_mnist.momentum", 1),
        ("training.fmnist_mnist.weight_decay", -1),
        ("probe.strengths", []),
        ("probe.per_group.cifar_mnist", 1),
        ("probe_runs", "best"),
        ("training.celeba.crop.scale", [0.7]),
        ("datasets", ["cifar"]),
        ("datasets", ["pacs"]),
        ("domains.pacs.resolution", 0),
        ("domains.digits_domains.resolution", 64),
        ("training.lr", 0.1),
    ]:
        assert faults(nested(key, value))
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(nested(key, value), schema)
    jsonschema.validate({"seeds": [0], "probe": {"per_group": {"cifar_mnist": None}}}, schema)
    jsonschema.validate({"datasets": list(DATASETS)}, schema)
