"""Measure the fitting of probes beside scikit-learn's fit of the same optimum.

``make benchmark`` runs it. Features are those of a CNN that the workflow's training has taken
through the demonstration, on random windows of its images. A probe tells from which of two
photographs a window was cut, or also which of two digits is on it: two values or four. scikit-learn
fits them in float64, on features that are standardised before, to the same tolerance. Where there
are several C, both begin a fit where that of the C before ended. Each problem is fitted once by
both, one after the other, in one process of one thread.
"""

import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from feature_quality.artifacts.images import read_images
from feature_quality.artifacts.prepared import read_prepared, write_examples
from feature_quality.config.probe import Probe
from feature_quality.data import digits_photos
from feature_quality.data.spec import Preparation
from feature_quality.features.probe import ProbeSet, fit_path
from feature_quality.seeds import generator
from feature_quality.training.augmentation import Crop, draw_windows
from feature_quality.training.device import deterministic_device
from feature_quality.training.loop import DeviceSplit, TrainingConfig, train
from feature_quality.training.models import network_for
from feature_quality.training.sam import Perturbation
from machine import title

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]
# The features of windows, (n, d), and the table of the images that they were cut from.
Windows = tuple[Array, pd.DataFrame]
Predict = Callable[[Array], Labels]

TEST = 2000
WINDOW = Crop((0.02, 0.1), (0.5, 2.0))
CONFIG = TrainingConfig(
    epochs=5, batch_size=100, momentum=0.9, weight_decay=0.0, snapshot_epochs=()
)
PROTOCOL = Probe()


@dataclass(frozen=True)
class Problem:
    """What is fitted: examples, the column of their values, and C."""

    examples: int
    column: str
    strengths: Sequence[float]


PROBLEMS = (
    *(
        Problem(examples, column, PROTOCOL.strengths)
        for column in ("feature_a", "group")
        for examples in (400, 800, 2900)
    ),
    *(Problem(5000, "feature_a", (strength,)) for strength in (0.01, 1.0)),
)
TRAIN = max(problem.examples for problem in PROBLEMS)


def embedded() -> tuple[Windows, Windows]:
    """Return what probes are trained and tested on."""
    # The images stay mapped, and so readable, when their file is gone.
    with TemporaryDirectory() as name:
        images, table, examples = (
            Path(name) / part for part in ("i.npy", "t.parquet", "e.parquet")
        )
        digits_photos.prepare(Preparation({}, {}, images, table))
        stored = read_images(images, table)
        ((about, split_table),) = digits_photos.split(stored, 0)
        write_examples(examples, about, split_table, stored)
        prepared = read_prepared(images, examples)
    description, device = prepared.description, deterministic_device()
    model = network_for(prepared, "cnn", 0, device)
    split = DeviceSplit.of(prepared.split("train"), description, device)
    dataset = description.dataset
    sgd = Perturbation("none")
    train(model, split, split, CONFIG, dataset=dataset, perturbation=sgd, lr=0.05, rho=0.0, seed=0)

    height, width = prepared.images.shape[2:]

    def windows_of(name: str, count: int) -> Windows:
        examples, rng = prepared.split(name), generator("benchmark", name)
        rows = rng.integers(len(examples.table), size=count)
        windows = draw_windows(rng, count, (height, width), WINDOW).to(device)
        images = DeviceSplit.of(examples, description, device)
        with torch.no_grad():
            pictures, _ = images.take(torch.from_numpy(rows).to(device), windows)
            features = model.backbone(pictures).cpu().double().numpy()
        return features, examples.table.iloc[rows]

    return windows_of("probe_train", TRAIN), windows_of("probe_test", TEST)


def by_scikit_learn(features: Array, values: Labels, strengths: Sequence[float]) -> list[Predict]:
    """Fit a probe for each C, and return what predicts by it."""
    regression = LogisticRegression(
        tol=PROTOCOL.tolerance, max_iter=PROTOCOL.max_iterations, warm_start=True
    )
    scaler = StandardScaler()
    standard = scaler.fit_transform(features)
    fitted = []
    for strength in strengths:
        regression.set_params(C=strength).fit(standard, values)
        fitted.append(make_pipeline(scaler, deepcopy(regression)).predict)
    return fitted


def ours(features: Array, values: Labels, strengths: Sequence[float]) -> list[Predict]:
    """Do the same by the workflow's solver."""
    examples = ProbeSet(features, values, values)
    path = fit_path(examples, strengths, PROTOCOL.tolerance, PROTOCOL.max_iterations)
    return [fit.probe.predict for fit in path]


def main() -> None:
    """Print the table."""
    print(title(), "\n")
    (features, table), (tested, _) = embedded()
    rows = []
    with threadpool_limits(1):
        for problem in PROBLEMS:
            trained = features[: problem.examples]
            values = table[problem.column].to_numpy(np.int64)[: problem.examples]
            seconds, predicted = [], []
            for fit in (by_scikit_learn, ours):
                start = time.perf_counter()
                fitted = fit(trained, values, problem.strengths)
                seconds.append(time.perf_counter() - start)
                predicted.append(np.stack([predict(tested) for predict in fitted]))
            theirs, own = seconds
            differ = (predicted[0] != predicted[1]).sum(axis=1)
            rows.append(
                {
                    "examples × features": f"{len(trained):,} × {trained.shape[1]:,}",
                    "values": len(np.unique(values)),
                    "C": ", ".join(f"{strength:g}" for strength in problem.strengths),
                    "scikit-learn, s": f"{theirs:.2f}",
                    "ours, s": f"{own:.2f}",
                    "ratio": f"{theirs / own:.1f}",
                    f"predictions that differ, of {TEST:,}, at most": differ.max(),
                }
            )
    print(pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True))


if __name__ == "__main__":
    main()
