"""Files that are whole or absent."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from feature_quality.errors import InputError

# What is the user's disk's fault and not the program's: full, over quota, a limit, not writable.
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES)


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` and move it there when the block ends without error.

    The temporary name is unique to the call, so an interrupted job's orphan and its successor never
    write the same file; the move is atomic, so nobody ever reads half a file under its final name.

    Raises:
        InputError: the disk does not take the file.
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
        # Some libraries put words of their own in the place of the system's.
        raise InputError(f"{target}: {os.strerror(error.errno)}") from error


def write_text(path: str | Path, text: str) -> None:
    """Write ``text`` to ``path`` as UTF-8, all of it or nothing."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
