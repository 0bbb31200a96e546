"""Logging and error handling of the rules' scripts."""

import logging
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NoReturn

from feature_quality.errors import InputError

# Set by the workflow where several jobs at a time would draw their bars over one another.
NO_BARS = "FEATURE_QUALITY_NO_BARS"
STOPPING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


@contextmanager
def job(log: str) -> Iterator[logging.Logger]:
    """Log a script's body to the file ``log``, and end the process if it fails.

    Unusable input ends with one line on the terminal and in the log. Any other error ends with its
    traceback in the log and a line on the terminal that says where it is. SIGTERM, by which
    schedulers end jobs, SIGHUP and Ctrl-C end the body as an exception does: half-written files are
    removed. A signal that is ignored, as by nohup, stays so.
    """
    logger = logging.getLogger("feature_quality")

    stopping = [each for each in STOPPING if signal.getsignal(each) != signal.SIG_IGN]

    def stop(number: int, _: object) -> NoReturn:
        # A second signal must not interrupt the cleaning up.
        for each in stopping:
            signal.signal(each, signal.SIG_IGN)
        reason = f"stopped by {signal.Signals(number).name}"
        logger.warning(reason)
        sys.exit(f"Error: {reason}")

    for each in stopping:
        signal.signal(each, stop)
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


def progress_bar(name: str) -> Any:
    """Return what wraps an iterable in a named bar on the terminal, if this job alone has it."""
    from tqdm import tqdm

    disable = True if NO_BARS in os.environ else None
    return partial(tqdm, desc=name, file=sys.stderr, disable=disable)
