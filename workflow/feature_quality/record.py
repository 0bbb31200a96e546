"""What is written into an artifact about how it was made."""

from importlib.metadata import version
from typing import Any


def versions(*packages: str) -> dict[str, Any]:
    """Return the installed version of each package, by name."""
    return {package: version(package) for package in packages}
