# What every rule file needs: the checked settings, the digests of scripts, the spelling of runs.
import os
import re
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

# The package is not installed: this process and the jobs' find it here, under every executor.
PACKAGE_ROOT = os.path.join(workflow.basedir, "workflow")
sys.path.insert(0, PACKAGE_ROOT)
os.environ["PYTHONPATH"] = os.pathsep.join(
    [PACKAGE_ROOT, *filter(None, [os.environ.get("PYTHONPATH")])]
)

from feature_quality.config.provenance import weakest
from feature_quality.config.settings import load
from feature_quality.config.spelling import spell
from feature_quality.data.sources import SOURCES
from feature_quality.digest import script_digest
from feature_quality.errors import InputError

try:
    settings = load(config)
except InputError as error:
    raise WorkflowError(str(error))

RUN = "{dataset}/lr={lr}/rho={rho}/seed={seed}"


def code(script):
    """The digest of a script and of all our modules that it imports."""
    return script_digest(Path(PACKAGE_ROOT, "scripts", script))


def runs_of(dataset):
    """The places of all runs of a dataset's grid, as they stand in paths."""
    grid = getattr(settings.grid, dataset)
    return expand(
        RUN,
        dataset=dataset,
        lr=map(spell, grid.lr),
        rho=map(spell, grid.rho),
        seed=settings.seeds,
    )


def spellings(values):
    """A pattern that matches each of the configured numbers, spelled in the one way, and no other."""
    return "|".join(re.escape(spell(value)) for value in sorted(set(values)))


GRIDS = [getattr(settings.grid, dataset) for dataset in settings.datasets]


wildcard_constraints:
    dataset="|".join(settings.datasets),
    lr=spellings(lr for grid in GRIDS for lr in grid.lr),
    rho=spellings(rho for grid in GRIDS for rho in grid.rho),
    seed=spellings(settings.seeds),
    original="|".join(re.escape(key) for key in SOURCES),


# Jobs on this machine share its GPU, where it has one; a cluster's profile says what its jobs get.
GPUS_PER_JOB = 1 if Path("/proc/driver/nvidia/version").exists() else 0
