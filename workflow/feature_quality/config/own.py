"""Custom datasets, and the names by which sections of the configuration know all datasets."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator
from pydantic_core import CoreSchema, PydanticCustomError
from pydantic_core.core_schema import with_info_plain_validator_function

from feature_quality.config.section import (
    Directory,
    Distinct,
    File,
    Pixels,
    Section,
    constant,
    plain,
    require,
    with_defaults,
)
from feature_quality.data.datasets import SPECS
from feature_quality.data.own import own_spec
from feature_quality.data.spec import DatasetSpec
from feature_quality.provenance import ours

# The columns of the table that are no feature.
RESERVED = ("image", "split")

# What tables in Markdown and LaTeX and the text of figures show as it is.
Words = Annotated[
    str,
    require(
        re.compile(r"\w[\w ().,'-]*").fullmatch,
        "should begin with a letter or digit and hold those, spaces or _().,'-",
    ),
]


def _refuse_reserved(features: tuple[str, str]) -> tuple[str, str]:
    if taken := [name for name in features if name in RESERVED]:
        raise ValueError(f"should not hold {', '.join(taken)}, a column of the table already")
    return features


OwnId = Annotated[
    str,
    require(
        re.compile(r"[a-z][a-z0-9_]*").fullmatch,
        "should begin with a small letter and hold those, digits or _",
    ),
]
FolderName = Annotated[
    str,
    require(
        # Table 2 has a column for each.
        re.compile(r"(?!Method$)[A-Za-z0-9_]+").fullmatch,
        "should be the name of a folder, of letters without accents, digits or _, but not Method",
    ),
]


class OwnDataset(Section):
    """A custom dataset: images with two features that a table tells, or of several domains."""

    images: Annotated[
        Directory, Field(description="Directory of the images; relative to the working directory.")
    ]
    table: Annotated[
        File | None,
        Field(
            description="CSV file with one row per image: the columns `image` (its path below "
            "`images`), `split` (train, val or test), and one for each feature; relative to the "
            "working directory. Without `split`, each seed draws one: 60, 20 and 20 %."
        ),
    ] = None
    title: Annotated[Words, Field(description="Its name in tables and figures.")]
    features: Annotated[
        Annotated[tuple[Words, Words], Distinct, AfterValidator(_refuse_reserved)] | None,
        Field(description="The columns of the two features; the first is the label."),
    ] = None
    domains: Annotated[
        Annotated[
            tuple[FolderName, ...],
            require(lambda domains: len(domains) >= 2, "should have 2 items or more"),
            Distinct,
        ]
        | None,
        Field(
            description="Instead of a table and features: the folders below `images` that hold the "
            "images of a domain, in folders by their class. Each is a dataset, `<id>_<domain>`, of "
            "which it is the target."
        ),
    ] = None
    resolution: Pixels = constant(
        ours(64, "that of CelebA's"),
        "Pixels a side of the images as they are stored: the central square of "
        "each, scaled; of domains, all of each.",
    )

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> Self:
        """Require either features or domains."""
        given = [name for name in ("table", "features", "domains") if getattr(self, name)]
        if given not in (["table", "features"], ["domains"]):
            raise PydanticCustomError("beside", "should give table and features, or domains", {})
        return self


def own_specs(own: Any) -> dict[str, DatasetSpec]:
    """Return descriptions of custom datasets by their ids.

    Args:
        own: the section of the configuration, which need not have been checked: what it says of
            datasets that has another form is left out.
    """
    found = {}
    for name, given in own.items() if isinstance(own, Mapping) else ():
        if isinstance(name, str) and isinstance(given, Mapping):
            title, domains = given.get("title"), given.get("domains")
            folders = domains if isinstance(domains, list | tuple) else ()
            found[name] = own_spec(name, str(title), [str(folder) for folder in folders])
    return found


def specs_of(info: ValidationInfo) -> Mapping[str, DatasetSpec]:
    """Return the descriptions of all datasets in a configuration that is checked."""
    context: Mapping[str, DatasetSpec] | None = info.context
    return SPECS if context is None else context


class OneOfSpecs:
    """The type of a name that descriptions of datasets give, those of custom ones too."""

    def __init__(self, names: Callable[[DatasetSpec], Iterable[str]]) -> None:
        self.names = names

    def _all(self, specs: Mapping[str, DatasetSpec]) -> list[str]:
        return [name for spec in specs.values() for name in self.names(spec)]

    def _check(self, value: Any, info: ValidationInfo) -> Any:
        if value not in (names := self._all(specs_of(info))):
            raise PydanticCustomError(
                "literal_error", "should be one of {expected}", {"expected": ", ".join(names)}
            )
        return value

    def __get_pydantic_core_schema__(self, *_: Any) -> CoreSchema:
        """Return pydantic's schema of these names."""
        return with_info_plain_validator_function(self._check)

    def __get_pydantic_json_schema__(self, *_: Any) -> dict[str, Any]:
        """Return a text: an editor suggests the ids that are known without the configuration."""
        return {"type": "string", "examples": self._all(SPECS)}


def over_defaults(defaults: Callable[[DatasetSpec], Any]) -> BeforeValidator:
    """Lay what the user gave over the defaults in the descriptions of all datasets."""

    def laid_over(given: Any, info: ValidationInfo) -> Any:
        documented = {name: defaults(spec) for name, spec in specs_of(info).items()}
        return with_defaults(
            given, {name: plain(each) for name, each in documented.items() if each}
        )

    return BeforeValidator(laid_over)
