"""The networks: each is a module of the folder ``networks``, by whose name it is asked for.

A network is a backbone, which turns images into their representation φ, and a linear head. Nothing
heavy is imported before a network is built, so that the configuration can read the list.
"""

from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path

from feature_quality.errors import InputError
from feature_quality.training.network import NetworkSpec

NETWORKS: dict[str, NetworkSpec] = {
    path.stem: import_module(f"feature_quality.training.networks.{path.stem}").SPEC
    for path in sorted(Path(__file__).with_name("networks").glob("[!_]*.py"))
}
# What names a network in the configuration.
NAMES = tuple(f"{name}:<model>" if spec.several else name for name, spec in NETWORKS.items())


def find_network(name: str) -> NetworkSpec:
    """Return the network ``name``: a module's, or a model of one that has several.

    Whether that module has the model shows when it is built.

    Raises:
        InputError: there is no network of this name.
    """
    module, separator, model = name.partition(":")
    spec = NETWORKS.get(module)
    if spec is None or bool(model) != spec.several or bool(separator) != spec.several:
        raise InputError(f"network {name!r} should be {', '.join(NAMES[:-1])} or {NAMES[-1]}")
    return replace(spec, build=partial(spec.build, model)) if model else spec
