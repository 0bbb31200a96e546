"""Where the original files come from: one table for every download and every local file.

A file's key is its place under the user's ``data_dir`` (torchvision's layout) and, once it has been
downloaded, under ``resources/``. Checksums are those that torchvision publishes for the same files.
"""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import BinaryIO

from feature_quality.artifacts.atomic import replacing
from feature_quality.errors import InputError

DRIVE = "https://drive.google.com/"
# Bytes of a file whose size is not known; the largest, CelebA's images, have two thirds of them.
LARGEST = 2 * 2**30
# A download that gets fewer bytes in so many seconds has stalled.
LEAST, STALL = 2**18, 120.0


@dataclass(frozen=True)
class Source:
    """One original file.

    Attributes:
        urls: its mirrors, in order of preference; none for what has to be fetched by hand.
        checksum: ``algorithm:digits``; a prefix of the digits will do. None if none is published.
        size: in bytes; None if not known.
        licence: name and terms.
        otherwise: what else a user without the file can do, a sentence.
    """

    urls: tuple[str, ...]
    checksum: str | None
    size: int | None
    licence: str
    otherwise: str = ""

    def fault(self, path: Path) -> str | None:
        """Say how the checksum of a file differs from this one's; None if it does not.

        Raises:
            OSError: the file cannot be read.
        """
        if self.checksum is None:
            return None
        algorithm, expected = self.checksum.split(":")
        with path.open("rb") as file:
            found = hashlib.file_digest(file, algorithm).hexdigest()
        return None if found.startswith(expected) else f"{algorithm} {found}, expected {expected}"

    def identity(self) -> str:
        """Return what is known of the file's content, for a reader who looks for it."""
        known = [f"{self.size} bytes" if self.size else "", (self.checksum or "").replace(":", " ")]
        return ", ".join(filter(None, known)) or "no checksum is published"


def _idx_files(
    folder: str, mirrors: tuple[str, ...], licence: str, files: dict[str, tuple[str, int]]
) -> dict[str, Source]:
    return {
        f"{folder}/raw/{name}": Source(
            tuple(mirror + name for mirror in mirrors), f"md5:{md5}", size, licence
        )
        for name, (md5, size) in files.items()
    }


def _celeba_files(files: dict[str, tuple[str, str, int | None]]) -> dict[str, Source]:
    licence = "CelebA (Liu et al., 2015): non-commercial research only"
    return {
        f"celeba/{name}": Source(
            (f"{DRIVE}uc?id={place}",),
            f"md5:{md5}",
            size,
            licence,
            "There, the folder celeba/img_align_celeba, unpacked, will do for the images.",
        )
        for name, (place, md5, size) in files.items()
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
        "md5:c58f30108f718f92721af3b95e74349a",
        170498071,
        "CIFAR-10 (Krizhevsky, 2009): no licence stated; cite the technical report",
    ),
    **_celeba_files(
        {
            "img_align_celeba.zip": (
                "0B7EVK8r0v71pZjFTYXZWM3FlRnM",
                "00d2c5bc6d35e252742224ab0c1e8fcb",
                None,
            ),
            "list_attr_celeba.txt": (
                "0B7EVK8r0v71pblRyaVFSWGxPY0U",
                "75e246fa4810816ffd6ee81facbd244c",
                26721026,
            ),
            "list_eval_partition.txt": (
                "0B7EVK8r0v71pY0NSMzRuSXJEVkk",
                "d32c9cbf5e040fd4025c592c306e6668",
                2836386,
            ),
        }
    ),
    "waterbird_complete95_forest2water2.tar.gz": Source(
        (
            "https://nlp.stanford.edu/data/dro/waterbird_complete95_forest2water2.tar.gz",
            "https://downloads.cs.stanford.edu/nlp/data/dro/waterbird_complete95_forest2water2.tar.gz",
        ),
        # None is published: the archive's own checksum and the published counts stand in for it.
        None,
        None,
        "Waterbirds (Sagawa et al., 2020) of CUB-200-2011 and Places: research only",
        "There, the folder that it unpacks to will do too.",
    ),
    **{
        name: Source(
            (f"https://download.pytorch.org/models/{name}",),
            # The file's name holds the first digits, and torchvision publishes no more.
            f"sha256:{name.removesuffix('.pth').partition('-')[2]}",
            None,
            "torchvision: BSD 3-Clause; trained on ImageNet",
            "Or set the dataset's training.….weights to null: its networks then start from "
            "random weights, and the tables say so.",
        )
        for name in ("resnet18-f37072fd.pth", "resnet50-0676ba61.pth")
    },
    **{
        f"{folder}.zip": Source(
            (),
            None,
            None,
            "research only",
            f"There, {folder}.tar, {folder}.tar.gz or the folder {folder} itself will do too.",
        )
        for folder in ("PACS", "VLCS", "office_home")
    },
}


def fetch(key: str, source: Source, target: str | Path, progress: bool = False) -> None:
    """Download ``source`` to ``target``, trying its mirrors in turn, if it is not there already.

    Only a file with the right checksum ever appears under ``target``.

    Raises:
        InputError: no mirror delivered the file; names each with its reason, and says where a copy
            made by hand belongs.
    """
    target = Path(target)
    if target.is_file() and source.fault(target) is None:
        return
    failures = []
    for url in source.urls:
        try:
            with replacing(target) as temporary:
                _download(url, temporary, source.size or LARGEST, progress)
                if fault := source.fault(temporary):
                    raise ValueError(fault)
            return
        except (OSError, ValueError) as error:
            failures.append(f"  {url}: {error}")
    reasons = (
        ["could not be downloaded:", *failures] if failures else ["has to be fetched by hand."]
    )
    raise InputError(
        f"{key} "
        + "\n".join(reasons)
        + f"\nPlace the file by hand ({source.identity()}) at {target}, or at "
        f"{key} under the directory that data_dir names. {source.otherwise}".rstrip()
    )


class _Limited(io.BufferedWriter):
    """A file that takes no more than ``limit`` bytes, and no page of HTML instead of a file."""

    def __init__(self, path: Path, limit: int) -> None:
        super().__init__(io.FileIO(path, "w"))
        self.limit, self.size = limit, 0

    def write(self, data: bytes) -> int:  # type: ignore[override]
        if not self.size and data.lstrip()[:1] == b"<":
            raise OSError("a page of HTML came instead of the file")
        self.size += len(data)
        if self.size > self.limit:
            raise OSError(f"more than {self.limit} bytes came")
        return super().write(data)


def _download(url: str, path: Path, limit: int, progress: bool) -> None:
    """Download ``url`` to ``path``.

    Raises:
        OSError: the server cannot be reached, refuses, stalls, or sends more than ``limit`` bytes
            or a page of HTML; Google Drive does so when a file has been asked for too often.
    """
    failures: list[Exception] = []

    def transfer(file: BinaryIO) -> None:
        try:
            (_from_drive if url.startswith(DRIVE) else _from_server)(url, file, progress)
        except Exception as error:
            failures.append(error)

    with _Limited(path, limit) as file:
        # In a thread, as a server that sends a byte now and then keeps the libraries waiting.
        thread = Thread(target=transfer, args=(file,), daemon=True)
        thread.start()
        before = 0
        while thread.is_alive():
            thread.join(STALL)
            if thread.is_alive() and file.size - before < LEAST:
                file.limit = 0
                raise OSError(f"stalled: {file.size - before} bytes came in {STALL:g} s")
            before = file.size
    if failures:
        raise failures.pop()


def _from_server(url: str, file: BinaryIO, progress: bool) -> None:
    import pooch

    pooch.HTTPDownloader(progressbar=progress, chunk_size=2**16, timeout=30)(url, file, None)


def _from_drive(url: str, file: BinaryIO, progress: bool) -> None:
    import gdown  # a second, and one dataset alone needs it

    try:
        gdown.download(url, file, quiet=not progress, use_cookies=False, timeout=30)
    except gdown.exceptions.DownloadError as error:
        raise OSError(" ".join(str(error).split())) from error


def verify(key: str, path: str | Path) -> None:
    """Check an original file against its published checksum.

    Raises:
        InputError: the file differs, is cut short, or cannot be read.
    """
    source = SOURCES[key]
    try:
        fault = source.fault(Path(path))
    except OSError as error:
        raise InputError(f"{key}: {error}") from error
    if fault:
        size = f"{Path(path).stat().st_size} bytes" + (f" of {source.size}" if source.size else "")
        raise InputError(f"{key}: {fault} ({size}; the file is {path})")
