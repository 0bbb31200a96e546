"""Write files atomically: a file is whole or absent."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from feature_quality.errors import InputError

# Errors of the disk, not of the program: full, over quota, file size limit, not writable.
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES)


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it to ``path`` if the block raises no error.

    The temporary name is unique to the call, so that a killed job's process that still runs and
    the job's successor never write the same file. The rename is atomic, so that nobody reads half
    a file under its final name.

    Raises:
        InputError: the file cannot be written to disk.
    """
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(".part", f".{target.name}.", target.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            temporary.chmod(0o644)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        if error.errno not in DISK:
            raise
        # Some libraries replace the system's message by their own.
        raise InputError(f"{target}: {os.strerror(error.errno)}") from error


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` to ``path`` as UTF-8, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
