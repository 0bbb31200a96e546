"""How a file was made, as its metadata says it."""

from importlib.metadata import version
from typing import Any


def run_metadata(code: str, *packages: str, device: str = "cpu") -> dict[str, Any]:
    """Return how a job makes its files: digest of its code, device and versions.

    Args:
        code: the digest of the script and of what it imports.
        packages: the names of packages whose versions may affect the result.
        device: the name of the device that computes.
    """
    return {
        "code": code,
        "device": device,
        "versions": {package: version(package) for package in packages},
    }
