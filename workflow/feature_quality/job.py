"""Logging and error handling of the rules' scripts."""

import logging
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from feature_quality.errors import InputError


@contextmanager
def job(log: str) -> Iterator[logging.Logger]:
    """Log a script's body to the file ``log``, and end the process if it fails.

    Unusable input ends with one line on the terminal and in the log. Any other error ends with its
    traceback in the log and a line on the terminal that says where it is. SIGTERM, by which
    schedulers end jobs, ends the body as an exception does: half-written files are removed.
    """
    logger = logging.getLogger("feature_quality")

    def stop(*_: object) -> NoReturn:
        # A second signal must not interrupt the cleaning up.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        logger.warning("stopped by SIGTERM")
        sys.exit("Error: stopped by SIGTERM")

    signal.signal(signal.SIGTERM, stop)
    # No tracebacks from logging on a full disk: writing the results will report it.
    logging.raiseExceptions = False
    logging.basicConfig(filename=log, filemode="w", format="%(asctime)s %(message)s", force=True)
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
