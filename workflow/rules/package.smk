# Where Python finds the package, and whether the configuration can be read as it was written.
import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

# The package is not installed: this process and the jobs' find it here, under every executor.
PACKAGE_ROOT = os.path.dirname(str(workflow.current_basedir))
if not os.path.isdir(PACKAGE_ROOT) or os.pathsep in PACKAGE_ROOT:
    raise WorkflowError(
        f"{PACKAGE_ROOT}: Python imports from a folder of this machine, without a colon in its "
        "name; clone the repository"
    )
sys.path.insert(0, PACKAGE_ROOT)
os.environ.update(
    PYTHONPATH=os.pathsep.join(
        filter(None, [PACKAGE_ROOT, os.environ.get("PYTHONPATH")])
    )
)
# Switches of libraries that change how numbers are rounded, and so the results: no job sees them.
ROUNDING = (
    *("MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS", "MKL_DEBUG_CPU_TYPE", "ONEDNN_", "DNNL_"),
    *("ATEN_CPU_CAPABILITY", "OPENBLAS_CORETYPE", "NPY_", "NVIDIA_TF32_OVERRIDE"),
    *("TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "CUBLAS_WORKSPACE_CONFIG", "GLIBC_TUNABLES"),
    *("NUMBA_CPU_", "NUMBA_ENABLE_AVX", "NUMBA_DISABLE_", "NUMBA_OPT"),
    *("NUMBA_LOOP_VECTORIZE", "NUMBA_SLP_VECTORIZE"),
)
for name in [name for name in os.environ if name.startswith(ROUNDING)]:
    del os.environ[name]

from feature_quality.config.files import (
    refuse_repeated_keys,
    refuse_repeated_options,
    refuse_unreadable,
)
from feature_quality.errors import InputError

# That of the working directory, or else the embedded default.
CONFIG = (
    "config.yaml"
    if Path("config.yaml").exists()
    else workflow.source_path("../../config.yaml")
)
try:
    for path in (CONFIG, *workflow.config_settings.configfiles):
        refuse_unreadable(path)
    if workflow.is_main_process:
        refuse_repeated_options(sys.argv)
        refuse_repeated_keys(workflow.config_settings.config_args or [])
except InputError as error:
    raise WorkflowError(str(error))
