"""What is written into an artifact about how it was made."""

from importlib.metadata import version
from typing import Any


def run_metadata(code: str, *packages: str, device: str = "cpu") -> dict[str, Any]:
    """Return how a job made its artifacts.

    Args:
        code: the digest of the script and of what it imports.
        packages: those whose versions may matter.
        device: on what it computed.
    """
    return {
        "code": code,
        "device": device,
        "versions": {package: version(package) for package in packages},
    }
