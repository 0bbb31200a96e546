"""A lock on a folder, so that one process at a time writes there."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(folder: str | Path, warn: Callable[[str], object]) -> Iterator[None]:
    """Hold an exclusive lock on ``folder`` during the block; wait while another process holds it.

    When Snakemake is killed, its jobs go on running, and the next Snakemake starts them again. The
    lock is the kernel's: it is released when the process that holds it ends, however it ends.

    Args:
        folder: where the lock is; created if absent.
        warn: is called with a sentence if this waits, or if the file system has no locks.
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    with (place / ".lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            warn(f"{place}: another process is at work here; waiting until it ends")
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            warn(f"{place}: the file system has no locks ({error.strerror})")
        yield
