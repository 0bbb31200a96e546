"""Real photographs under real weights, where both are at hand."""

import os
import tarfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from feature_quality.artifacts.prepared import Description, Examples, Prepared
from feature_quality.errors import InputError
from feature_quality.features.embedding import embed
from feature_quality.features.probe import ProbeSet, fit_draw, probe_row
from feature_quality.training.models import build_network, load_start_weights, network_for

NETWORK = "timm:tf_efficientnet_lite0"
# Photographs of each class, the first half for the probe's training.
COUNT = 80
FILES = ("pacs64/pacs64.tar.gz", "weights/tf_efficientnet_lite0-timmkeys.pth")


@pytest.fixture(scope="module")
def files() -> tuple[Path, Path]:
    folder = os.environ.get("FEATURE_QUALITY_DATA", Path(__file__).parents[3] / "shared" / "data")
    archive, weights = (Path(folder, name) for name in FILES)
    for path in (archive, weights):
        if not path.exists():
            pytest.skip(
                f"real data absent ({path}): let FEATURE_QUALITY_DATA name a directory with "
                f"{' and '.join(FILES)}"
            )
    return archive, weights


def read_photographs(archive: Path) -> dict[str, list[np.ndarray]]:
    """Return the first photographs of each class, (3, 64, 64)."""
    photographs: dict[str, list[np.ndarray]] = {}
    with tarfile.open(archive) as pacs:
        for member in pacs:
            _, domain, kind, name = (*Path(member.name).parts, "", "", "", "")[:4]
            of_kind = photographs.setdefault(kind, [])
            if domain == "photo" and name and len(of_kind) < COUNT:
                with Image.open(pacs.extractfile(member)) as image:
                    of_kind.append(np.asarray(image.convert("RGB")).transpose(2, 0, 1))
    return {kind: images for kind, images in photographs.items() if images}


def test_published_weights_separate_the_classes_of_photographs(files):
    archive, weights = files
    photographs = read_photographs(archive)
    classes = tuple(photographs)
    assert (len(classes), {len(images) for images in photographs.values()}) == (7, {COUNT})
    images = np.stack([image for of_kind in photographs.values() for image in of_kind])
    labels = np.repeat(np.arange(7), COUNT)
    columns = ("label", "feature_a", "group")
    table = pd.DataFrame(dict.fromkeys(columns, labels)).assign(feature_b=0, above=-1)
    names = ((0.5,) * 3, (0.5,) * 3)
    description = Description("pacs64", "PACS", True, ("a", "b"), (classes, ("",)), *names)
    network = network_for(Prepared(description, images, table), NETWORK, 0, torch.device("cpu"))
    trained = np.arange(len(labels)) % COUNT < COUNT // 2

    def error() -> float:
        embeddings = embed(network, Examples(images, table), description, torch.device("cpu"))
        examples = ProbeSet.of(embeddings, "feature_a")
        train, test = (examples.take(np.flatnonzero(rows)) for rows in (trained, ~trained))
        fit = fit_draw(
            train,
            names=("photographs",),
            per_group=None,
            strengths=(0.001,),
            tolerance=1e-4,
            max_iterations=1000,
        )
        return probe_row(*fit, test)["error"]

    random = error()
    load_start_weights(network, weights, published=False)
    published = error()
    with pytest.raises(InputError, match="does not hold the weights of this network"):
        load_start_weights(build_network("resnet18", (3, 64, 64), 7), weights, published=False)
    # Chance is 6/7; they were .60 and .18.
    assert published < 0.3 < 0.5 < random
