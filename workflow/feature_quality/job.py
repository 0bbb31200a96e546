"""What every rule script does around its work."""

import logging
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from feature_quality.errors import InputError


@contextmanager
def job(log: str) -> Iterator[logging.Logger]:
    """Run a script's body: its progress goes to the file ``log``, its failure ends the process.

    Unusable input ends with one line on the terminal and in the log; a fault of ours ends with its
    traceback in the log and a line on the terminal that says where it is.
    """
    logging.basicConfig(filename=log, filemode="w", format="%(asctime)s %(message)s", force=True)
    logger = logging.getLogger("feature_quality")
    logger.setLevel(logging.INFO)
    logging.captureWarnings(True)
    try:
        yield logger
    except InputError as error:
        logger.error("%s", error)
        sys.exit(f"Error: {error}")
    except Exception as error:
        logger.error("%s", traceback.format_exc())
        sys.exit(f"Error: {type(error).__name__}: {error} (traceback in {log})")
