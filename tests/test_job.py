"""Scripts end as processes do, so each test runs one."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import feature_quality

PRELUDE = """
import logging, warnings
from feature_quality.errors import InputError
from feature_quality.job import job
with job("job.log") as log:
    log.info("begun")
"""


@pytest.fixture
def run(tmp_path):
    """Return a function that runs a body in a job and gives (exit status, terminal, log)."""

    def run(body):
        script = tmp_path / "script.py"
        content = PRELUDE + textwrap.indent(textwrap.dedent(body), "    ")
        script.write_text(content, encoding="utf-8")
        ended = subprocess.run(
            [sys.executable, script],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(Path(feature_quality.__file__).parents[1])},
            capture_output=True,
            text=True,
            timeout=60,
        )
        terminal = ended.stdout + ended.stderr
        return ended.returncode, terminal, (tmp_path / "job.log").read_text(encoding="utf-8")

    return run


def test_progress_and_warnings_go_to_the_log_only(run):
    status, terminal, log = run(
        """
        logging.getLogger("feature_quality.training").info("epoch %d", 3)
        logging.getLogger("elsewhere").info("chatter")
        warnings.warn("mind this")
        """
    )
    assert (status, terminal) == (0, "")
    assert log.index("begun\n") < log.index("epoch 3\n") < log.index("mind this")
    assert "chatter" not in log


def test_unusable_input_ends_with_its_message_and_no_traceback(run):
    status, terminal, log = run('raise InputError("set.csv: 3 rows, expected 4")')
    assert status == 1
    assert terminal == "Error: set.csv: 3 rows, expected 4\n"
    assert log.endswith(" set.csv: 3 rows, expected 4\n")
    assert "Traceback" not in log


def test_a_fault_ends_with_one_line_and_a_traceback_in_the_log(run):
    status, terminal, log = run(
        """
        def divide():
            return 1 / 0
        divide()
        """
    )
    assert status == 1
    assert terminal == "Error: ZeroDivisionError: division by zero (traceback in job.log)\n"
    assert "Traceback (most recent call last)" in log
    assert "in divide" in log


@pytest.mark.parametrize("name", ["SIGINT", "SIGHUP"])
def test_ctrl_c_and_a_closed_terminal_end_a_job_in_one_line(run, name):
    number = signal.Signals[name]
    # The tests themselves may run below nohup, in the background.
    before = signal.signal(number, signal.SIG_DFL)
    try:
        status, terminal, log = run(f"import os, signal; os.kill(os.getpid(), signal.{name})")
    finally:
        signal.signal(number, before)
    assert (status, terminal) == (1, f"Error: stopped by {name}\n")
    assert "Traceback" not in log


def test_a_signal_that_is_ignored_stays_so(run):
    # What nohup does before it starts a command.
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        body = "import os, signal; os.kill(os.getpid(), signal.SIGHUP); log.info('went on')"
        assert "went on" in run(body)[2]
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_log_is_of_the_last_run_only(run):
    run('log.info("first")')
    assert "first" not in run('log.info("second")')[2]


def test_sigterm_ends_a_job_by_way_of_its_cleaning_up(run, tmp_path):
    status, terminal, log = run(
        """
        import os, signal
        from feature_quality.artifacts.atomic import replacing
        with replacing("made") as temporary:
            try:
                os.kill(os.getpid(), signal.SIGTERM)
                log.info("went on")
            finally:
                # A second one does not cut this short.
                os.kill(os.getpid(), signal.SIGTERM)
                log.info("cleaned up")
        """
    )
    assert (status, terminal) == (1, "Error: stopped by SIGTERM\n")
    assert "Traceback" not in log
    assert [line.split(" ", 2)[2] for line in log.splitlines()] == [
        "begun",
        "stopped by SIGTERM",
        "cleaned up",
    ]
    assert {path.name for path in tmp_path.iterdir()} == {"script.py", "job.log"}
