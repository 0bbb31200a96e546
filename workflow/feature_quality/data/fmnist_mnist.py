"""FMNIST-MNIST: five kinds of clothing under the handwritten digits 0–4 (Appendix B)."""

from functools import partial

from feature_quality.data.cifar_mnist import SPEC as CIFAR_MNIST
from feature_quality.data.concatenated import GRID, split_published, write_halves
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
    per_group=ours(32, "of 116, so that draws differ: the paper says a small dataset"),
)


def prepare(task: Preparation) -> None:
    """Store the first five classes of Fashion-MNIST and of MNIST."""
    a, b = (
        {
            part: read_labelled(folder, prefix, task.originals).first_classes(5)
            for part, prefix in (("train", "train"), ("test", "t10k"))
        }
        for folder in ("FashionMNIST", "MNIST")
    )
    write_halves(task, SPEC, a, b)


split = partial(split_published, SPEC)
