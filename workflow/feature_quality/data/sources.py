"""Where the original files come from: one table for every download and every local file.

A file's key is its place under the user's ``data_dir`` (torchvision's layout) and, once it has been
downloaded, under ``resources/``. Checksums are those that torchvision publishes for the same files.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pooch

from feature_quality.artifacts.atomic import replacing
from feature_quality.errors import InputError


@dataclass(frozen=True)
class Source:
    """One original file: its mirrors in order of preference, md5, size in bytes, and licence."""

    urls: tuple[str, ...]
    md5: str
    size: int
    licence: str


def _idx_files(
    folder: str, mirrors: tuple[str, ...], licence: str, files: dict[str, tuple[str, int]]
) -> dict[str, Source]:
    return {
        f"{folder}/raw/{name}": Source(
            tuple(mirror + name for mirror in mirrors), md5, size, licence
        )
        for name, (md5, size) in files.items()
    }


SOURCES: dict[str, Source] = {
    **_idx_files(
        "MNIST",
        ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"),
        "MNIST (LeCun, Cortes, Burges): CC BY-SA 3.0",
        {
            "train-images-idx3-ubyte.gz": ("f68b3c2dcbeaaa9fbdd348bbdeb94873", 9912422),
            "train-labels-idx1-ubyte.gz": ("d53e105ee54ea40749a09fcbcd1e9432", 28881),
            "t10k-images-idx3-ubyte.gz": ("9fb629c4189551a2d022fa330f9573f3", 1648877),
            "t10k-labels-idx1-ubyte.gz": ("ec29112dd5afa0611ce80d1b7f02629c", 4542),
        },
    ),
    **_idx_files(
        "FashionMNIST",
        ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
        "Fashion-MNIST (Zalando SE): MIT",
        {
            "train-images-idx3-ubyte.gz": ("8d4fb7e6c68d591d4c3dfef9ec88bf0d", 26421880),
            "train-labels-idx1-ubyte.gz": ("25c81989df183df01b3e8a0aad5dffbe", 29515),
            "t10k-images-idx3-ubyte.gz": ("bef4ecab320f06d8554ea6380940ec79", 4422102),
            "t10k-labels-idx1-ubyte.gz": ("bb300cfdad3c16e7a12a480ee83cd310", 5148),
        },
    ),
    "cifar-10-python.tar.gz": Source(
        ("https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",),
        "c58f30108f718f92721af3b95e74349a",
        170498071,
        "CIFAR-10 (Krizhevsky, 2009): no licence stated; cite the technical report",
    ),
}


def fetch(key: str, source: Source, target: str | Path, progress: bool = False) -> None:
    """Download ``source`` to ``target``, trying its mirrors in turn.

    Only a file with the right checksum ever appears under ``target``.

    Raises:
        InputError: no mirror delivered the file; names each with its reason, and says where a copy
            made by hand belongs.
    """
    failures = []
    for url in source.urls:
        try:
            with replacing(target) as temporary:
                pooch.retrieve(
                    url,
                    known_hash=f"md5:{source.md5}",
                    fname=temporary.name,
                    path=temporary.parent,
                    downloader=pooch.HTTPDownloader(progressbar=progress, timeout=30),
                )
            return
        except (OSError, ValueError) as error:
            failures.append(f"  {url}: {error}")
    raise InputError(
        f"{key} could not be downloaded:\n"
        + "\n".join(failures)
        + f"\nPlace the file by hand ({source.size} bytes, md5 {source.md5}) at {target}, or at "
        f"{key} under the directory that data_dir names."
    )


def verify(key: str, path: str | Path) -> None:
    """Check an original file against its published checksum.

    Raises:
        InputError: the file differs, is cut short, or cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            found = hashlib.file_digest(file, "md5").hexdigest()
    except OSError as error:
        raise InputError(f"{key}: {error}") from error
    expected = SOURCES[key].md5
    if found != expected:
        raise InputError(
            f"{key}: md5 {found}, expected {expected} "
            f"({Path(path).stat().st_size} bytes of {SOURCES[key].size}; the file is {path})"
        )
