"""A folder that one process at a time writes."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(folder: str | Path, warn: Callable[[str], object]) -> Iterator[None]:
    """Hold ``folder`` alone while the block lasts, after whoever holds it has ended.

    A killed Snakemake's jobs live on, and its successor starts them again. The lock is the
    kernel's: it ends with the process that holds it, however that ends.

    Args:
        warn: takes a sentence on why this waits, or why it cannot be made sure that it is alone.
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
