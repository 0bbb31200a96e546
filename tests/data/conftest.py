"""Where real data lie, and small files in the original layouts that pass the original checks."""

import gzip
import hashlib
import os
import pickle
import tarfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from torchvision.datasets import CIFAR10

from feature_quality.artifacts.images import read_images
from feature_quality.artifacts.prepared import read_prepared, write_examples
from feature_quality.data.cifar10 import ARCHIVE, BATCHES
from feature_quality.data.sources import SOURCES
from feature_quality.data.spec import Preparation


@pytest.fixture(scope="session")
def real():
    """Return a function that finds a file among the real data, and skips the test without it."""
    given = os.environ.get("FEATURE_QUALITY_DATA")
    place = Path(given) if given else Path(__file__).parents[2].parent / "shared" / "data"

    def real(name):
        if not (place / name).exists():
            pytest.skip(
                f"real data absent ({place / name}): let FEATURE_QUALITY_DATA name a directory "
                f"with {name}"
            )
        return place / name

    return real


@pytest.fixture(scope="session")
def originals(real):
    """Return the eight real files of MNIST and Fashion-MNIST by their key."""
    folders = ("MNIST/", "FashionMNIST/")
    return {key: str(real(key)) for key in SOURCES if key.startswith(folders)}


@pytest.fixture(scope="session")
def celeba_tables(real, tmp_path_factory):
    """Return the real attributes and partition of CelebA, unpacked."""
    folder = tmp_path_factory.mktemp("celeba")
    names = ("list_attr_celeba.txt", "list_eval_partition.txt")
    for name in names:
        packed = real(f"celeba/{name}.gz").read_bytes()
        (folder / name).write_bytes(gzip.decompress(packed))
    return tuple(folder / name for name in names)


@pytest.fixture
def outputs(tmp_path):
    return tmp_path / "out" / "images.npy", tmp_path / "out" / "images.parquet"


@pytest.fixture
def prepare(outputs):
    """Return a function that prepares a dataset with its module, and reads what was written."""

    def prepare(module, originals, **settings):
        module.prepare(Preparation(originals, settings, *outputs, threads=2, dataset="pets"))
        return read_images(*outputs)

    return prepare


@pytest.fixture
def split(tmp_path):
    """Return a function that splits stored images, and reads the datasets that were written."""

    def split(splitter, stored, seed=0):
        np.save(tmp_path / "stored.npy", stored.pixels)
        found = []
        for description, examples in splitter(stored, seed):
            write_examples(tmp_path / "split.parquet", description, examples, stored)
            found.append(read_prepared(tmp_path / "stored.npy", tmp_path / "split.parquet"))
        return found

    return split


@pytest.fixture
def publish(monkeypatch):
    """Return a function that makes the file at a path the published one of a key."""

    def publish(key, path):
        content = Path(path).read_bytes()
        checksum = f"md5:{hashlib.md5(content).hexdigest()}"
        source = replace(SOURCES[key], checksum=checksum, size=len(content))
        monkeypatch.setitem(SOURCES, key, source)

    return publish


@pytest.fixture
def write_idx():
    """Return a function that writes an array as the gzipped IDX file of Yann LeCun's page."""

    def write_idx(path, array):
        array = np.asarray(array, dtype=np.uint8)
        header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, dtype=">u4").tobytes()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(header + array.tobytes(), mtime=0))

    return write_idx


@pytest.fixture
def write_split(tmp_path, write_idx, publish):
    """Return a function that publishes one split with random images, and the files by key."""

    def write_split(folder, prefix, labels):
        pixels = np.random.default_rng(len(labels)).integers(0, 256, (len(labels), 28, 28))
        files = {}
        for part, array in (("images-idx3", pixels), ("labels-idx1", labels)):
            key = f"{folder}/raw/{prefix}-{part}-ubyte.gz"
            write_idx(tmp_path / key, array)
            publish(key, tmp_path / key)
            files[key] = str(tmp_path / key)
        return files

    return write_split


@dataclass
class TinyCifar:
    archive: Path
    folder: Path
    pixels: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]


@pytest.fixture
def tiny_cifar(tmp_path, monkeypatch, publish):
    """CIFAR-10 as published, but with 20 images in each of its training batches and 15 for test."""

    def publish_batch(entry, content):
        (folder / entry[0]).write_bytes(pickle.dumps(content))
        return [entry[0], hashlib.md5((folder / entry[0]).read_bytes()).hexdigest()]

    rng = np.random.default_rng(0)
    folder = tmp_path / "unpacked" / BATCHES
    folder.mkdir(parents=True)
    pixels, labels = {"train": [], "test": []}, {"train": [], "test": []}
    classes = {
        "train": [0] * 8 + [1] * 9 + [2, 5, 9],
        "test": [0] * 6 + [1] * 7 + [3, 8],
    }
    for split in ("train", "test"):
        published = []
        for entry in getattr(CIFAR10, f"{split}_list"):
            data = rng.integers(0, 256, (len(classes[split]), 3072), dtype=np.uint8)
            chosen = rng.permutation(classes[split])
            published.append(publish_batch(entry, {"data": data, "labels": chosen.tolist()}))
            pixels[split].append(data)
            labels[split].append(chosen)
        monkeypatch.setattr(CIFAR10, f"{split}_list", published)
    name, md5 = publish_batch(["batches.meta"], {"label_names": []})
    monkeypatch.setattr(CIFAR10, "meta", CIFAR10.meta | {"filename": name, "md5": md5})
    archive = tmp_path / "archive" / "as downloaded.tar.gz"
    archive.parent.mkdir()
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(folder, arcname=BATCHES)
    publish(ARCHIVE, archive)
    return TinyCifar(
        archive,
        folder,
        {split: np.concatenate(parts).reshape(-1, 3, 32, 32) for split, parts in pixels.items()},
        {split: np.concatenate(parts) for split, parts in labels.items()},
    )
