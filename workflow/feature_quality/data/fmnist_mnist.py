"""FMNIST-MNIST: five kinds of clothing under the handwritten digits 0–4 (Appendix B)."""

from feature_quality.artifacts.prepared import Prepared
from feature_quality.data.concatenated import Part, concatenate, split_published
from feature_quality.data.idx import read_labelled

DATASET = "fmnist_mnist"
TITLE = "FMNIST-MNIST"
CLASSES = (
    ("t-shirt", "trouser", "pullover", "dress", "coat"),
    ("0", "1", "2", "3", "4"),
)
SHAPE = (1, 56, 28)
COUNTS = {"train": 26751, "val": 2972, "test": 4962, "probe_train": 2900, "probe_test": 4900}


def prepare(files: dict[str, str], data_seed: int) -> Prepared:
    """Prepare the dataset.

    Args:
        files: where the files of MNIST and Fashion-MNIST lie, by their key in ``SOURCES``.
        data_seed: fixes the split and the pairings.
    """

    def part(prefix: str) -> Part:
        five = range(len(CLASSES[0]))
        return Part(
            read_labelled("FashionMNIST", prefix, files).keep(five),
            read_labelled("MNIST", prefix, files).keep(five),
        )

    train, val = split_published(part("train"), DATASET, data_seed)
    return concatenate(
        dataset=DATASET,
        title=TITLE,
        demonstration=False,
        features=("fashion", "mnist"),
        classes=CLASSES,
        train=train,
        val=val,
        test=part("t10k"),
        data_seed=data_seed,
        shape=SHAPE,
        counts=COUNTS,
    )
