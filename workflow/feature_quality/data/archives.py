"""Published folders, and the archives that they are published in."""

import gzip
import lzma
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from feature_quality.errors import InputError

# Twice the largest of the published datasets; a few kilobytes can unpack to far more than a disk.
LARGEST = 8 * 2**30
# What a file takes on a disk at least, so that their number has a bound too.
BLOCK = 4096

# Of a member's description in a tar; its name might otherwise take all memory.
LONGEST_HEADER = 2**20

# What reading a damaged archive raises, whichever its compression.
DAMAGED = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    *(OSError, EOFError, RuntimeError),
)


class _ShortReads:
    """A file of which ``LONGEST_HEADER`` bytes at most are read at once."""

    def __init__(self, file: gzip.GzipFile | BinaryIO) -> None:
        self.file, self.seek, self.tell = file, file.seek, file.tell

    def read(self, size: int) -> bytes:
        if size > LONGEST_HEADER:
            raise tarfile.ReadError(f"the description of a member has {size} bytes")
        return self.file.read(size)


@contextmanager
def unpacked(original: str | Path, folder: str) -> Iterator[Path]:
    """Yield a folder: as it is, or out of its archive while the block lasts.

    Messages about what lies in an archive name the archive.

    Args:
        original: the folder, or a ``.zip``, ``.tar`` or ``.tar.gz`` that holds it.
        folder: its name in the archive; the whole archive's content if it is empty.

    Raises:
        InputError: the archive is damaged, has a member that is no file or folder inside it, or
            unpacks to more than ``LARGEST`` bytes.
    """
    if Path(original).is_dir():
        yield Path(original)
        return
    with tempfile.TemporaryDirectory() as place:
        try:
            with Path(original).open("rb") as file:
                # By its beginning: any file may have a zip at its end.
                is_zip = file.read(2) == b"PK"
            extract = _extract_zip if is_zip else _extract_tar
            extract(Path(original), place)
        except DAMAGED as error:
            raise InputError(f"{original}: cannot be unpacked ({error})") from error
        try:
            yield Path(place, folder)
        except InputError as error:
            raise InputError(str(error).replace(place, str(original))) from error


def _extract_zip(original: Path, place: str) -> None:
    with zipfile.ZipFile(original) as archive:
        size = sum(max(member.file_size, BLOCK) for member in archive.infolist())
        _require_bounded(original, size)
        for member in archive.infolist():
            # The type of a file on Unix; archives made elsewhere leave it out.
            kind = member.external_attr >> 28
            _require_inside(original, member.filename, kind in (0, 0o4, 0o10))
            archive.extract(member, place)


def _extract_tar(original: Path, place: str) -> None:
    compressed = original.suffix in (".gz", ".tgz")
    with gzip.open(original) if compressed else original.open("rb") as file:
        with tarfile.open(fileobj=_ShortReads(file), mode="r:") as archive:  # type: ignore[call-overload]
            size = 0
            for member in archive:
                size += max(member.size, BLOCK)
                _require_bounded(original, size)
                _require_inside(original, member.name, member.isfile() or member.isdir())
                archive.extract(member, place, filter="data")
        if compressed:
            # The archive ends before the file does, and the file's checksum is at its end.
            while file.read(2**20):
                pass
        else:
            # Damage ends the iteration too, but only the end of an archive is a block of zeros.
            file.seek(archive.offset)
            if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                raise tarfile.ReadError("it ends before its end")


def _require_inside(original: Path, name: str, plain: bool) -> None:
    path = PurePosixPath(name)
    if not name or not plain or path.is_absolute() or ".." in path.parts:
        raise InputError(f"{original}: {name!r} is no file or folder inside the archive")


def _require_bounded(original: Path, size: int) -> None:
    if size > LARGEST:
        raise InputError(
            f"{original}: unpacks to more than {LARGEST / 2**30:g} GiB, as no published one"
        )
