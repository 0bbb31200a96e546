"""The datasets: a new one is a module beside this one, and one line here."""

from feature_quality.data import (
    celeba,
    cifar_mnist,
    digits_domains,
    digits_photos,
    fmnist_mnist,
    office_home,
    pacs,
    vlcs,
    waterbirds,
)
from feature_quality.data.spec import DatasetSpec

# By id: first those of Table 1, whose images carry two features, then the families of Table 2.
SPECS: dict[str, DatasetSpec] = {
    module.SPEC.id: module.SPEC
    for module in (
        digits_photos,
        cifar_mnist,
        fmnist_mnist,
        celeba,
        waterbirds,
        digits_domains,
        pacs,
        vlcs,
        office_home,
    )
}

# The description behind each dataset; those of one family share theirs.
DATASETS: dict[str, DatasetSpec] = {
    dataset: spec for spec in SPECS.values() for dataset in spec.datasets
}
