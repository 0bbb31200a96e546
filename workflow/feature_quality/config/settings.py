"""The whole configuration: its keys, its checks, and the messages for what is wrong with it."""

import json
from collections.abc import Mapping, Sequence
from itertools import chain, product
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from feature_quality.config.domains import TARGETS, Domains
from feature_quality.config.grid import Grid
from feature_quality.config.own import Own
from feature_quality.config.probe import Probe
from feature_quality.config.provenance import ours, paper, weakest
from feature_quality.config.section import (
    Constant,
    Directory,
    Distinct,
    NotEmpty,
    Section,
    Seed,
    by_provenance,
    described,
    section_of,
)
from feature_quality.config.toy import Toy
from feature_quality.config.training import Training
from feature_quality.errors import InputError
from feature_quality.formatting import format_number

# Table 1's datasets, whose images carry two labelled features (the last is the user's own), and
# Table 2's: each is a dataset of several domains and the letter of the one that is left out of
# training.
OF_FEATURES = ("digits_photos", "cifar_mnist", "fmnist_mnist", "celeba", "waterbirds", "own")
OF_DOMAINS = tuple(f"{family}_{letter}" for family in TARGETS for letter in TARGETS[family])
DATASETS = (*OF_FEATURES, *OF_DOMAINS)

# Where a run lies below each stage's folder.
RUN = "{dataset}/lr={lr}/rho={rho}/seed={seed}"


def _require_dataset(dataset: str) -> str:
    if dataset not in DATASETS:
        raise ValueError(f"should be one of {', '.join(DATASETS)}")
    return dataset


DatasetId = Annotated[
    str, AfterValidator(_require_dataset), Field(json_schema_extra={"enum": list(DATASETS)})
]


class Settings(Section):
    """Everything that may stand in config.yaml."""

    datasets: Annotated[
        tuple[DatasetId, ...],
        NotEmpty,
        Distinct,
        Field(description="The datasets to run; only these enter the workflow."),
    ] = ("digits_photos", *(each for each in OF_DOMAINS if each.startswith("digits_domains")))
    data_dir: Annotated[
        Directory | None,
        Field(
            description="Directory with original files in torchvision's layout, used instead of "
            "downloads; relative to the working directory. Null downloads what is needed."
        ),
    ] = None
    seeds: Annotated[
        tuple[Seed, ...],
        NotEmpty,
        Distinct,
        Field(description="Run seeds: initialisation and order. SGD and SAM share them."),
    ] = paper((0, 1, 2, 3), "Section 4.1: four seeds")
    data_seed: Annotated[
        Seed, Field(description="Seed of splits and pairings, the same for all runs.")
    ] = ours(0, "any will do")
    own: Annotated[
        Own | None,
        Field(
            description="The dataset `own`; to be filled in when `datasets` lists it, and only "
            "then.",
            validate_default=True,
        ),
    ] = None
    domains: Domains = Domains()
    grid: Grid = Grid()
    training: Training = Training()
    probe: Probe = Probe()
    probe_runs: Annotated[
        Literal["all", "selected"],
        Field(
            description="Which runs are embedded and probed: every run of the grid, or only those "
            "that the selection on validation data chose."
        ),
    ] = "all"
    toy: Toy = Toy()

    @field_validator("own")
    @classmethod
    def _agrees_with_datasets(cls, own: Own | None, info: ValidationInfo) -> Own | None:
        """Refuse a dataset that nobody described, and a description that nobody reads."""
        if "datasets" not in info.data:
            return own  # They have faults of their own.
        listed = "own" in info.data["datasets"]
        if listed and own is None:
            keys = [name for name, field in Own.model_fields.items() if field.is_required()]
            fault = f"own: should give {', '.join(keys)}, as datasets lists own"
            raise PydanticCustomError("disagreement", "{fault}", {"fault": fault})
        if own and not listed:
            fault = "own: is filled in, but datasets does not list own"
            raise PydanticCustomError("disagreement", "{fault}", {"fault": fault})
        return own

    @property
    def of_features(self) -> list[str]:
        """Those of the datasets that Table 1 compares."""
        return [dataset for dataset in self.datasets if dataset in OF_FEATURES]

    @property
    def of_domains(self) -> list[str]:
        """Those of the datasets that Table 2 compares."""
        return [dataset for dataset in self.datasets if dataset in OF_DOMAINS]

    def grid_of(self, dataset: str) -> Any:
        """Return the sweep of a dataset."""
        return getattr(self.grid, family_of(dataset))

    def runs_of(self, dataset: str) -> list[str]:
        """Return the places of all runs of a dataset's grid, as they stand in paths."""
        grid = self.grid_of(dataset)
        return [
            RUN.format(dataset=dataset, lr=format_number(lr), rho=format_number(rho), seed=seed)
            for lr, rho, seed in product(grid.lr, grid.rho, self.seeds)
        ]

    def training_of(self, dataset: str) -> Any:
        """Return how a dataset's networks are trained."""
        return getattr(self.training, family_of(dataset))

    def network_of(self, dataset: str) -> dict[str, Any]:
        """Return which network a dataset's runs train, from which weights, and its images' side."""
        training = self.training_of(dataset)
        start = "ImageNet" if getattr(training, "pretrained", False) else "from scratch"
        images = getattr(self.domains, family_of(dataset))
        return {"backbone": f"{training.network} ({start})", "resolution": images.resolution}

    def probing_of(self, dataset: str) -> dict[str, Any]:
        """Return how many draws of a dataset's probes there are, and how large each is.

        A target domain's examples are taken as they come, all of them: there is one draw.
        """
        if dataset in OF_DOMAINS:
            return {"draws": 1, "per_group": None}
        per_group = getattr(self.probe.per_group, dataset)
        return {"draws": self.probe.draws, "per_group": per_group}

    def constants_of(self, dataset: str) -> list[Constant]:
        """Return every constant that a result on ``dataset`` rests on."""
        family = family_of(dataset)
        sections = [self.grid_of(dataset).constants(f"grid.{family}")]
        sections.append(self.training_of(dataset).all_constants(f"training.{family}"))
        if isinstance(images := getattr(self.domains, family, None), Section):
            sections.append(images.constants(f"domains.{family}"))
        if dataset == "own" and self.own:
            sections.append(self.own.constants("own"))
        sections += [
            self.probe.constants("probe"),
            self.probe.per_group.constants("probe.per_group"),
        ]
        unused = {"probe.draws"} if dataset in OF_DOMAINS else set()
        unused |= {f"probe.per_group.{each}" for each in OF_FEATURES if each != dataset}
        return [
            constant
            for constant in (*self.constants(), *chain.from_iterable(sections))
            if constant.key not in unused
        ]

    def workload(self, dataset: str) -> dict[str, Any]:
        """Return what the cost of ``dataset``'s grid depends on, as ``plan.cost`` takes it."""
        grid, training = self.grid_of(dataset), self.training_of(dataset)
        # At most: SGD's setting, SAM's, and SAM's at SGD's learning rate.
        selected = 3 * len(self.seeds)
        own = self.own if dataset == "own" else None
        images = own or getattr(self.domains, family_of(dataset), None)
        return {
            "dataset": dataset,
            "resolution": images and images.resolution,
            "own": own and own.model_dump(mode="json", include={"table", "features"}),
            "network": training.network,
            "lrs": len(grid.lr),
            "rhos": list(grid.rho),
            "seeds": len(self.seeds),
            "epochs": training.epochs,
            "snapshots": sum(epoch <= training.epochs for epoch in training.snapshot_epochs),
            **self.probing_of(dataset),
            "probed": selected if self.probe_runs == "selected" else None,
        }

    def standing(self, dataset: str) -> dict[str, Any]:
        """Return the weakest ``provenance`` behind results on ``dataset``, and all ``departures``.

        A departure is a sentence that names a setting which differs from the documented one.
        """
        constants = self.constants_of(dataset)
        return {
            "provenance": weakest([constant.provenance for constant in constants]).value,
            "departures": tuple(
                f"{constant.key}: {json.dumps(constant.value)} instead of the documented "
                f"{json.dumps(constant.documented)}."
                for constant in constants
                if constant.departs
            ),
        }

    def sources(self, datasets: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return every constant that results on some datasets rest on, by where it comes from."""
        constants = chain.from_iterable(self.constants_of(dataset) for dataset in datasets)
        return by_provenance(list(constants))

    def remark(self, dataset: str) -> str:
        """Say below a figure what its runs were."""
        epochs = self.training_of(dataset).epochs
        return described(self.seeds, epochs, self.constants_of(dataset))


def family_of(dataset: str) -> str:
    """Return the dataset whose sections of the configuration hold for ``dataset``."""
    return dataset.rpartition("_")[0] if dataset in OF_DOMAINS else dataset


def load(config: Mapping[str, Any]) -> Settings:
    """Check a configuration and return it typed.

    Raises:
        InputError: names every fault at once: the key, its value and what is allowed.
    """
    try:
        return Settings.model_validate(config)
    except ValidationError as error:
        # A list whose items are all refused is not an empty list.
        faults = [
            sentence
            for fault in error.errors()
            if not (fault["type"] == "too_short" and fault["input"])
            for sentence in _sentences(fault)
        ]
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        raise InputError("\n  ".join([f"The configuration has {count}:", *faults])) from error


def _sentences(fault: Any) -> list[str]:
    """Put one of pydantic's faults in words: key, value, what is allowed."""
    if fault["type"] == "disagreement":
        return str(fault["msg"]).splitlines()
    location = fault["loc"]
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    key = key.removeprefix(".")
    if fault["type"] == "missing" and isinstance(fault["input"], Mapping):
        return [f"{key}: should be given"]
    if fault["type"] == "extra_forbidden":
        allowed = ", ".join(_section_at(location[:-1]).model_fields)
        return [f"{key}: unknown key; allowed here: {allowed}"]
    rule = {
        "tuple_type": "should be a list",
        "too_short": "should not be empty",
        "too_long": f"should have {fault.get('ctx', {}).get('max_length')} items",
        "model_type": "should be a mapping of keys to values",
        "int_from_float": "should be a whole number",
        "int_parsing": "should be a whole number",
        "int_type": "should be a whole number",
        "float_parsing": "should be a number",
        "float_type": "should be a number",
        "finite_number": "should be a finite number",
        "path_type": "should be a path",
        "invalid_key": "is no key",
        "missing": "lacks this item",
    }.get(fault["type"], fault["msg"])
    rule = rule.removeprefix("Value error, ").replace("Input should", "should")
    return [f"{key}: {fault['input']!r} {rule}"]


def _section_at(location: tuple[int | str, ...]) -> type[BaseModel]:
    section: type[BaseModel] = Settings
    for part in location:
        below = section_of(section.model_fields[str(part)].annotation)
        assert below
        section = below
    return section
