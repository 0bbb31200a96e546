"""The whole configuration: its keys, its checks, and the messages for what is wrong with it."""

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import chain, product
from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from feature_quality.config.domains import DomainImages
from feature_quality.config.grid import GridSettings, MethodName
from feature_quality.config.own import OneOfSpecs, OwnDataset, OwnId, over_defaults, own_specs
from feature_quality.config.probe import Probe
from feature_quality.config.section import (
    Constant,
    Directory,
    Distinct,
    NotEmpty,
    OneOf,
    Probability,
    Section,
    Seed,
    by_provenance,
    constant,
    require,
    run_note,
)
from feature_quality.config.toy import Toy
from feature_quality.config.training import TrainingSettings
from feature_quality.data.datasets import DATASETS, SPECS
from feature_quality.data.own import has_split, smallest_group
from feature_quality.data.spec import DatasetSpec
from feature_quality.methods import BASELINE
from feature_quality.provenance import ours, paper, weakest
from feature_quality.run_paths import run_path
from feature_quality.training.network_list import find_network

# What paths call the split of a dataset that no seed splits.
PUBLISHED_SPLIT = "published"
# What figures of a dataset are drawn from that depends on its probes.
PROBED = {"runs", "importance"}
# How a probe with an L2 penalty is fitted.
FIT_SETTINGS = {"strengths", "tolerance", "max_iterations"}

DatasetId = Annotated[str, OneOfSpecs(lambda spec: spec.datasets)]
SpecId = Annotated[str, OneOfSpecs(lambda spec: [spec.id])]
# The metrics of Table 1.
ErrorName = Annotated[
    str, OneOf(("test_error", "worst_group_error", "easy_probe_error", "hard_probe_error"))
]
ImagesId = Annotated[str, OneOfSpecs(lambda spec: [spec.id] if spec.images else [])]


def _require_ids(own: Any) -> Any:
    """Refuse the keys of a dataset where there should be ids, below which they stand."""
    for key in OwnDataset.model_fields:
        if isinstance(own, Mapping) and not isinstance(own.get(key, {}), Mapping):
            raise _disagreement(f"own.{key}: should stand below an id, as in own.birds.{key}")
    return own


WithBaseline = require(
    lambda methods: BASELINE.name in methods,
    f"should list {BASELINE.name}, with which the others are compared",
)


class Settings(Section):
    """Everything that may stand in config.yaml."""

    datasets: Annotated[
        tuple[DatasetId, ...],
        NotEmpty,
        Distinct,
        Field(description="The datasets to run; only these enter the workflow."),
    ] = tuple(dataset for dataset, spec in DATASETS.items() if spec.demonstration)
    methods: Annotated[tuple[MethodName, ...], Distinct, WithBaseline] = constant(
        paper(("sgd", "sam"), "Section 4.1"), "The training methods; all are compared with sgd."
    )
    data_dir: Annotated[
        Directory | None,
        Field(
            description="Directory with original files in torchvision's layout, used instead of "
            "downloads; relative to the working directory. Null downloads what is needed."
        ),
    ] = None
    seeds: Annotated[tuple[Seed, ...], NotEmpty, Distinct] = constant(
        paper((0, 1, 2, 3), "Section 4.1: four seeds"),
        "Run seeds: initialisation and order. All methods share them. Four are the "
        "paper's; eight are recommended for a verdict.",
    )
    splits: Literal["per_seed", "fixed"] = constant(
        ours("per_seed", "a deviation over seeds then covers the split too"),
        "Whether each run seed splits and pairs the images anew, alike for all "
        "methods, or all share the split of `data_seed`. Published splits stay as they are.",
    )
    data_seed: Seed = constant(ours(0, "any will do"), "Seed of the split where `splits` is fixed.")
    own: Annotated[
        dict[OwnId, OwnDataset],
        BeforeValidator(_require_ids),
        Field(description="Custom datasets by an id of your choice, which `datasets` may list."),
    ] = Field(default_factory=dict)
    domains: Annotated[
        dict[ImagesId, DomainImages],
        over_defaults(lambda spec: spec.images),
    ] = Field(
        default_factory=dict,
        validate_default=True,
        description="By dataset: how its images are taken.",
    )
    grid: Annotated[
        dict[SpecId, GridSettings],
        over_defaults(lambda spec: spec.grid),
    ] = Field(default_factory=dict, validate_default=True, description="By dataset: its sweep.")
    training: Annotated[
        dict[SpecId, TrainingSettings],
        over_defaults(lambda spec: spec.training),
    ] = Field(
        default_factory=dict,
        validate_default=True,
        description="By dataset: the training of its networks.",
    )
    # Its defaults are those of all datasets, custom ones too.
    probe: Probe = Field(default_factory=dict, validate_default=True)
    probe_runs: Annotated[
        Literal["all", "selected"],
        Field(
            description="Which runs are embedded and probed: every run of the grid, or only those "
            "that the selection on validation data chose."
        ),
    ] = "all"
    reference: Annotated[
        dict[DatasetId, dict[MethodName, dict[ErrorName, Probability]]],
        Field(
            description="Numbers to print beside ours in Table 1, such as published ones, by "
            "dataset, method and metric. They are used for nothing else."
        ),
    ] = Field(default_factory=dict)
    toy: Toy = Toy()

    @field_validator("own")
    @classmethod
    def _has_names_of_its_own(cls, own: dict[str, OwnDataset]) -> dict[str, OwnDataset]:
        """Refuse ids and titles that several datasets would share."""
        mine = own_specs({name: each.model_dump() for name, each in own.items()}).values()
        faults = []
        for spec in mine:
            others = [each for each in (*SPECS.values(), *mine) if each is not spec]
            taken = {name for each in others for name in (each.id, *each.datasets)}
            faults += [
                f"own.{spec.id}: another dataset has the id {name}"
                for name in dict.fromkeys([spec.id, *spec.datasets])
                if name in taken
            ]
            if spec.id == "toy":
                # Its files would be those of the toy study.
                faults.append("own.toy: is the name of the toy study")
            if spec.title in {each.title for each in others}:
                faults.append(f"own.{spec.id}.title: {spec.title!r} is that of another dataset")
        if faults:
            raise _disagreement("\n".join(faults))
        return own

    @model_validator(mode="after")
    def _agree(self) -> "Settings":
        """Refuse networks for other images, methods without a learning rate or a ρ, and so on."""
        faults = []
        for name in dict.fromkeys(self.spec_of(dataset).id for dataset in self.datasets):
            grid, network = self.grid[name], self.training[name].network
            faults += [
                f"grid.{name}.{key}: lacks {', '.join(lacking)}, as methods lists it"
                for key, lacking in grid.lacking(self.methods).items()
                if lacking
            ]
            needed, found = find_network(network).channels, self.specs[name].channels
            if needed not in (None, found):
                faults.append(
                    f"training.{name}.network: {network} takes images of {needed} channels; those "
                    f"of {name} have {found}"
                )
            faults += self._too_many_per_group(name)
        for dataset, numbers in self.reference.items():
            if dataset not in self.datasets:
                continue
            if dataset in self.of_domains:
                faults.append(f"reference.{dataset}: Table 1 does not have this dataset")
            faults += [
                f"reference.{dataset}.{method}: is not among methods"
                for method in numbers
                if method not in self.methods
            ]
        if faults:
            raise _disagreement("\n".join(faults))
        return self

    @cached_property
    def specs(self) -> dict[str, DatasetSpec]:
        """The descriptions of all datasets, custom ones too, by their ids."""
        return SPECS | own_specs({name: each.model_dump() for name, each in self.own.items()})

    def spec_of(self, dataset: str) -> DatasetSpec:
        """Return the description behind a dataset; those of one family share theirs."""
        return next(spec for spec in self.specs.values() if dataset in spec.datasets)

    @property
    def of_features(self) -> list[str]:
        """Those of the datasets that Table 1 compares."""
        return [dataset for dataset in self.datasets if not self.spec_of(dataset).domains]

    @property
    def of_domains(self) -> list[str]:
        """Those of the datasets that Table 2 compares."""
        return [dataset for dataset in self.datasets if self.spec_of(dataset).domains]

    @property
    def compared_methods(self) -> list[str]:
        """The methods that are compared with SGD."""
        return [method for method in self.methods if method != BASELINE.name]

    @property
    def user_paths(self) -> list[str]:
        """The paths in the configuration, of files of the user's."""
        own = [path for each in self.own.values() for path in (each.images, each.table)]
        weights = [path for name in self.datasets for path in self.weights_of(name)]
        return [*map(str, filter(None, [self.data_dir, *own])), *weights]

    def grid_of(self, dataset: str) -> GridSettings:
        """Return the sweep of a dataset."""
        return self.grid[self.spec_of(dataset).id]

    def runs_of(self, dataset: str, *methods: str) -> list[str]:
        """Return the paths of all runs of a dataset's grid, of some methods or of all."""
        grid = self.grid_of(dataset)
        return [
            run_path(dataset, method, lr, rho, seed)
            for method in methods or self.methods
            for (lr, rho), seed in product(grid.settings_of(method), self.seeds)
        ]

    def training_of(self, dataset: str) -> TrainingSettings:
        """Return how a dataset's networks are trained."""
        return self.training[self.spec_of(dataset).id]

    def network_module(self, dataset: str) -> str:
        """Return the module of a dataset's network, as the digest of a script's code takes it."""
        return f"training.networks.{self.training_of(dataset).network.partition(':')[0]}"

    def split_of(self, dataset: str, seed: int) -> str:
        """Return the name of the split that runs of ``seed`` see: its seed, or ``published``."""
        if not self._splits_at_random(dataset):
            return PUBLISHED_SPLIT
        return str(seed if self.splits == "per_seed" else self.data_seed)

    def _too_many_per_group(self, spec: str) -> list[str]:
        """Refuse more examples for a probe than the smallest group has, where its size is known."""
        if not (wanted := self.probe.per_group.get(spec)):
            return []
        own = self.own.get(spec)
        if own and own.table and own.features:
            smallest = smallest_group(own.table, own.features)
        else:
            smallest = self.specs[spec].smallest_group
        if smallest is None or wanted <= smallest[0]:
            return []
        return [
            f"probe.per_group.{spec}: {wanted} should be at most {smallest[0]}, all that "
            f"probes may be trained on of {smallest[1]}"
        ]

    def _splits_at_random(self, dataset: str) -> bool:
        table = self.own[dataset].table if dataset in self.own else None
        return not has_split(table) if table else self.spec_of(dataset).random_split

    def _conditions(self, dataset: str) -> list[str]:
        """Say of how many splits results speak, if of one alone."""
        one = self.splits == "fixed" and self._splits_at_random(dataset)
        return ["Conditional on one split, which all seeds share."] if one else []

    def images_of(self, spec: str) -> dict[str, Any]:
        """Return how images are taken, as the ``prepare`` of a description needs it."""
        if spec in self.own:
            return self.own[spec].model_dump(exclude={"images", "table"})
        return self.domains[spec].model_dump() if spec in self.domains else {}

    def originals_of(self, spec: str) -> dict[str, str]:
        """Return the original files of a description: the user's copies, or else the downloads."""
        if spec in self.own:
            paths = {"images": self.own[spec].images, "table": self.own[spec].table}
            return {name: str(path) for name, path in paths.items() if path}
        originals = self.specs[spec].originals
        return {name: self.find_original(*files) for name, files in originals.items()}

    def find_original(self, *alternatives: str) -> str:
        """Return the first of some files that ``data_dir`` has, or else the last as a download.

        A folder ends in ``/``.
        """
        if self.data_dir:
            for name in alternatives:
                path = self.data_dir / name
                if path.is_dir() if name.endswith("/") else path.exists():
                    return str(path)
        return f"resources/{alternatives[-1]}"

    def weights_of(self, dataset: str) -> list[str]:
        """Return the file of weights from which a dataset's networks start, if there is one."""
        training = self.training_of(dataset)
        if training.weights == "imagenet":
            published = find_network(training.network).published
            assert published
            return [self.find_original(published)]
        return [training.weights] if training.weights else []

    def network_of(self, dataset: str) -> dict[str, Any]:
        """Return which network a dataset's runs train, from which weights, and its images' side."""
        training = self.training_of(dataset)
        start = {None: "from scratch", "imagenet": "ImageNet"}.get(
            training.weights, training.weights
        )
        spec = self.spec_of(dataset)
        images = self.images_of(spec.id)
        resolution = images["resolution"] if images else spec.shape and spec.shape[1]
        return {"backbone": f"{training.network} ({start})", "resolution": resolution}

    def probing_of(self, dataset: str) -> dict[str, Any]:
        """Return how many draws of a dataset's probes there are, and how large each is.

        A target domain's examples are taken as they come, all of them: there is one draw.
        """
        if self.spec_of(dataset).domains:
            return {"draws": 1, "per_group": None}
        return {"draws": self.probe.draws, "per_group": self.probe.per_group[dataset]}

    def probe_settings(self, dataset: str) -> dict[str, Any]:
        """Return how the probes of a dataset are trained."""
        kept = {"max_iterations"} if self.probe.protocol == "dfr" else FIT_SETTINGS
        return self.probe.model_dump(include=kept) | {
            "protocol": self.probe.protocol,
            "per_group": self.probing_of(dataset)["per_group"],
        }

    def contribution_settings(self, dataset: str) -> dict[str, Any]:
        """Return how the probes are trained whose margins are compared."""
        return self.probe.model_dump(include=FIT_SETTINGS) | {
            "strengths": [self.probe.contribution_strength],
            "per_group": self.probing_of(dataset)["per_group"],
        }

    def constants_of(self, dataset: str) -> list[Constant]:
        """Return every constant that a result on ``dataset`` rests on."""
        spec = self.spec_of(dataset)
        unused = {"probe.strengths"} if self.probe.protocol == "dfr" else set()
        if not self._splits_at_random(dataset):
            unused |= {"splits", "data_seed"}
        elif self.splits != "fixed":
            unused.add("data_seed")
        top = [each for each in self.constants("") if "." not in each.key]
        found = [each for each in top if each.key not in unused]
        found += self.grid_of(dataset).constants(f"grid.{spec.id}", spec.grid)
        found += self.training_of(dataset).constants(f"training.{spec.id}", spec.training)
        if spec.images:
            found += self.domains[spec.id].constants(f"domains.{spec.id}", spec.images)
        if spec.id in self.own:
            found += self.own[spec.id].constants(f"own.{spec.id}")
        probe = [each for each in self.probe.constants("probe") if each.key not in unused]
        if spec.per_group:
            default, value = spec.per_group, self.probe.per_group[dataset]
            key = f"probe.per_group.{dataset}"
            return [*found, *probe, Constant(key, value, default.value, default.provenance)]
        return found + [each for each in probe if each.key != "probe.draws"]

    def provenance_summary(self, dataset: str) -> dict[str, Any]:
        """Return the weakest ``provenance`` behind results on ``dataset``, and ``differences``.

        A difference is a sentence that names a setting which differs from the documented default,
        or says that results are conditional on one split.
        """
        constants = self.constants_of(dataset)
        return {
            "provenance": weakest(constant.provenance for constant in constants).value,
            "differences": (
                *self._conditions(dataset),
                *(
                    f"{constant.key}: {json.dumps(constant.value)} instead of the documented "
                    f"{json.dumps(constant.documented)}."
                    for constant in constants
                    if constant.differs
                ),
            ),
        }

    def sources(self, datasets: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return every constant that results on some datasets rest on, by where it comes from."""
        constants = chain.from_iterable(self.constants_of(dataset) for dataset in datasets)
        return by_provenance(list(constants))

    def run_note(self, dataset: str, *inputs: str) -> str:
        """Say in a caption what the runs were, and which settings differ from the defaults.

        Args:
            dataset: of the runs.
            inputs: what a figure is drawn from; probes are left out if none of it is of probes.
        """
        epochs = [self.training_of(dataset).epochs]
        constants = self.constants_of(dataset)
        if inputs and not PROBED & {*inputs}:
            constants = [each for each in constants if not each.key.startswith("probe.")]
        note = run_note(self.seeds, epochs, constants)
        return " ".join([note, *self._conditions(dataset)])


def _disagreement(fault: str) -> PydanticCustomError:
    return PydanticCustomError("disagreement", "{fault}", {"fault": fault})
