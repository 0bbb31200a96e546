"""FMNIST-MNIST: five kinds of clothing under the handwritten digits 0–4 (Appendix B)."""

from collections.abc import Mapping

from feature_quality.artifacts.prepared import Prepared, write_prepared
from feature_quality.data.cifar_mnist import SPEC as CIFAR_MNIST
from feature_quality.data.concatenated import GRID, Part, concatenate, split_published
from feature_quality.data.idx import read_labelled
from feature_quality.data.spec import DatasetSpec, Preparation, idx_files
from feature_quality.provenance import ours

SPEC = DatasetSpec(
    id="fmnist_mnist",
    title="FMNIST-MNIST",
    features=("fashion", "mnist"),
    classes=(
        ("t-shirt", "trouser", "pullover", "dress", "coat"),
        ("0", "1", "2", "3", "4"),
    ),
    shape=(1, 56, 28),
    originals=idx_files("FashionMNIST") | idx_files("MNIST"),
    counts={"train": 26751, "val": 2972, "test": 4962, "probe_train": 2900, "probe_test": 4900},
    grid=GRID,
    training={
        **CIFAR_MNIST.training,
        "epochs": ours(20, "as for CIFAR-MNIST; the paper does not give it"),
    },
    per_group=ours(32, "of 40, so that draws differ: the paper says a small dataset"),
)


def prepare(task: Preparation) -> None:
    """Prepare the dataset."""
    write_prepared(task.images, task.examples[0], load(task.originals, task.data_seed))


def load(originals: Mapping[str, str], data_seed: int) -> Prepared:
    """Return the dataset.

    Args:
        originals: where the files of MNIST and Fashion-MNIST lie, by their keys in ``SOURCES``.
        data_seed: fixes the split and the pairings.
    """

    def part(prefix: str) -> Part:
        five = range(len(SPEC.classes[0]))
        return Part(
            read_labelled("FashionMNIST", prefix, originals).keep(five),
            read_labelled("MNIST", prefix, originals).keep(five),
        )

    train, val = split_published(part("train"), SPEC.id, data_seed)
    return concatenate(
        SPEC,
        train=train,
        val=val,
        test=part("t10k"),
        data_seed=data_seed,
    )
