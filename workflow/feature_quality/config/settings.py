"""The whole configuration: its keys, its checks, and the messages for what is wrong with it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, Field, ValidationError

from feature_quality.config.grid import Grid
from feature_quality.config.probe import Probe
from feature_quality.config.provenance import ours, paper, weakest
from feature_quality.config.section import (
    Constant,
    Distinct,
    NotEmpty,
    Section,
    Seed,
    described,
)
from feature_quality.config.toy import Toy
from feature_quality.config.training import Training
from feature_quality.errors import InputError

DatasetId = Literal["digits_photos", "cifar_mnist", "fmnist_mnist", "celeba", "waterbirds"]
DATASETS: tuple[str, ...] = get_args(DatasetId)


def _require_directory(path: Path | None) -> Path | None:
    if path is not None and not path.is_dir():
        raise ValueError("should be a directory that exists")
    return path


class Settings(Section):
    """Everything that may stand in config.yaml."""

    datasets: Annotated[
        tuple[DatasetId, ...],
        NotEmpty,
        Distinct,
        Field(description="The datasets to run; only these enter the workflow."),
    ] = ("digits_photos",)
    data_dir: Annotated[
        Path | None,
        AfterValidator(_require_directory),
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

    def constants_of(self, dataset: DatasetId) -> list[Constant]:
        """Return every constant that a result on ``dataset`` rests on."""
        per_group = self.probe.per_group.constants("probe.per_group")
        return [
            *self.constants(),
            *getattr(self.grid, dataset).constants(f"grid.{dataset}"),
            *getattr(self.training, dataset).all_constants(f"training.{dataset}"),
            *self.probe.constants("probe"),
            *(constant for constant in per_group if constant.key.endswith(f".{dataset}")),
        ]

    def workload(self, dataset: DatasetId) -> dict[str, Any]:
        """Return what the cost of ``dataset``'s grid depends on, as ``plan.cost`` takes it."""
        grid, training = getattr(self.grid, dataset), getattr(self.training, dataset)
        # At most: SGD's setting, SAM's, and SAM's at SGD's learning rate.
        selected = 3 * len(self.seeds)
        return {
            "dataset": dataset,
            "network": training.network,
            "lrs": len(grid.lr),
            "rhos": list(grid.rho),
            "seeds": len(self.seeds),
            "epochs": training.epochs,
            "snapshots": sum(epoch <= training.epochs for epoch in training.snapshot_epochs),
            "draws": self.probe.draws,
            "per_group": getattr(self.probe.per_group, dataset),
            "probed": selected if self.probe_runs == "selected" else None,
        }

    def standing(self, dataset: DatasetId) -> dict[str, Any]:
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

    def remark(self, dataset: DatasetId) -> str:
        """Say below a figure what its runs were."""
        epochs = getattr(self.training, dataset).epochs
        return described(self.seeds, epochs, self.constants_of(dataset))


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
    if fault["type"] == "extra_forbidden":
        allowed = ", ".join(_section_at(location[:-1]).model_fields)
        return [f"{key}: unknown key; allowed here: {allowed}"]
    rule = {
        "tuple_type": "should be a list",
        "too_short": "should not be empty",
        "model_type": "should be a mapping of keys to values",
        "int_from_float": "should be a whole number",
        "int_parsing": "should be a whole number",
        "int_type": "should be a whole number",
        "float_parsing": "should be a number",
        "float_type": "should be a number",
        "finite_number": "should be a finite number",
        "path_type": "should be the path of a directory",
        "invalid_key": "is no key",
        "missing": "lacks this item",
    }.get(fault["type"], fault["msg"])
    rule = rule.removeprefix("Value error, ").replace("Input should", "should")
    return [f"{key}: {fault['input']!r} {rule}"]


def _section_at(location: tuple[int | str, ...]) -> type[BaseModel]:
    section: type[BaseModel] = Settings
    for part in location:
        annotation = section.model_fields[str(part)].annotation
        assert isinstance(annotation, type)
        assert issubclass(annotation, BaseModel)
        section = annotation
    return section
