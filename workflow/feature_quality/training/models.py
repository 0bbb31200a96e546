"""A run's network: built, initialised from its seed, loaded from files, and fed with its input."""

import copy
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from feature_quality.artifacts.checksum import sha256
from feature_quality.artifacts.prepared import Prepared
from feature_quality.artifacts.weights import read_weights
from feature_quality.errors import InputError
from feature_quality.seeds import derive_seed
from feature_quality.training.network import Normalisation, Shape
from feature_quality.training.network_list import find_network

# What files that hold no weights, or those of another network, raise when they are loaded.
UNLOADABLE = (
    *(RuntimeError, TypeError, ValueError, AttributeError, LookupError, EOFError, OSError),
    pickle.UnpicklingError,
)


class Network(nn.Module):
    """A classifier f(x) = W φ(x) + b.

    Attributes:
        backbone: turns images (n, channels, height, width) into φ (n, features).
        head: the last layer, which turns φ into logits (n, classes).
        head_name: what files of weights from elsewhere call the head.
        normalisation: of the input; the dataset's own, unless the network has one.
    """

    def __init__(
        self,
        backbone: nn.Module,
        head: nn.Linear,
        head_name: str = "head",
        normalisation: Normalisation | None = None,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.head_name = head_name
        self.normalisation = normalisation

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of normalised images."""
        logits: Tensor = self.head(self.backbone(images))
        return logits


class NetworkSize(NamedTuple):
    """How large a network is.

    Attributes:
        parameters: how many numbers it learns.
        features: the width of φ.
        multiply_adds: of the forward pass of one image.
    """

    parameters: int
    features: int
    multiply_adds: int


def build_network(name: str, shape: Shape, classes: int) -> Network:
    """Return the network of this name, with initial weights from PyTorch's global generator.

    Raises:
        InputError: there is no such network, or it does not take images of so many channels.
    """
    spec = find_network(name)
    if spec.channels not in (None, shape[0]):
        raise InputError(f"{name} takes images of {spec.channels} channels, not of {shape[0]}")
    return Network(*spec.build(shape, classes))


def network_size(name: str, shape: Shape, classes: int) -> NetworkSize:
    """Measure a network without the memory for its weights.

    Raises:
        InputError: as ``build_network``.
    """
    # A fifth of a second, which no job needs to spend.
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        network = build_network(name, shape, classes).eval()
        with FlopCounterMode(display=False) as counter:
            network(torch.empty(1, *shape))
    return NetworkSize(
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        features=network.head.in_features,
        multiply_adds=counter.get_total_flops() // 2,
    )


def activation_bytes(network: Network, shape: Shape, batch_size: int) -> int:
    """Return the bytes, in float32, that a backward pass needs of the forward pass of a batch."""
    on_meta = copy.deepcopy(network).to("meta").train()
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage._cdata] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        # As long as the logits are held, so is the rest, and no storage gets the place of another.
        logits = on_meta(torch.empty(batch_size, *shape, device="meta"))
    del logits
    return sum(kept.values())


def network_for(prepared: Prepared, name: str, seed: int, device: torch.device) -> Network:
    """Return the untrained network of a run on ``prepared``, on ``device``.

    Raises:
        InputError: as ``build_network``.
    """
    description = prepared.description
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed("initialise", description.dataset, seed))
        network = build_network(name, prepared.shape, len(description.classes[0]))
    if network.normalisation is None:
        network.normalisation = description.channel_mean, description.channel_std
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.to(device)


def trained_network(
    prepared: Prepared, run: Mapping[str, Any], weights: str | Path, device: torch.device
) -> Network:
    """Return the network of a run, as its history describes it, with the ``weights`` on disk."""
    network = network_for(prepared, run["settings"]["network"], run["seed"], device)
    load_weights(network, read_weights(weights), weights)
    return network


def load_weights(network: Network, weights: Mapping[str, Tensor], path: str | Path) -> None:
    """Load all weights of a network.

    Raises:
        InputError: they are those of another network; names ``path``, where they come from.
    """
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise _not_of_this_network(path, error) from error


def _not_of_this_network(path: str | Path, error: Exception) -> InputError:
    reason = " ".join(str(error).split())[:300]
    return InputError(f"{path}: does not hold the weights of this network ({reason})")


def load_start_weights(network: Network, path: str | Path, *, published: bool) -> str:
    """Load weights into all of a network but its head, and return the file's SHA-256.

    Names are those of the library that the network comes from, or those of this workflow's runs.

    Args:
        network: a new one.
        path: a file of safetensors, or of ``torch.save``, from which no code is run.
        published: the file's name ends in the first digits of its SHA-256, as torchvision's do.

    Raises:
        InputError: the file is damaged, another than its name says, or of another network.
    """
    path = Path(path)
    try:
        checksum = sha256(path)
        expected = path.stem.rpartition("-")[2] if published else ""
        if not checksum.startswith(expected):
            raise InputError(f"{path}: sha256 {checksum}, expected {expected}…")
        if path.suffix == ".safetensors":
            weights = read_weights(path)
        else:
            weights = torch.load(path, map_location="cpu", weights_only=True)
        own = any(name.startswith("backbone.") for name in weights)
        head = "head." if own else f"{network.head_name}."
        found = {
            name.removeprefix("backbone."): tensor
            for name, tensor in weights.items()
            if not name.startswith(head)
        }
        # Not strict, for a message that is short.
        loaded = network.backbone.load_state_dict(found, strict=False)
    except UNLOADABLE as error:
        raise _not_of_this_network(path, error) from error
    faults = {"missing": loaded.missing_keys, "unexpected": loaded.unexpected_keys}
    if reason := "; ".join(_count(names, fault) for fault, names in faults.items() if names):
        raise InputError(f"{path}: does not hold the weights of this network ({reason})")
    return checksum


def _count(names: list[str], fault: str) -> str:
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return f"{fault}: {names[0]}{more}"


def normalise(images: Tensor, channel_mean: Tensor, channel_std: Tensor) -> Tensor:
    """Return the network's input: pixels in [0, 1], less their channel's mean, over its deviation.

    Args:
        images: (n, channels, height, width), uint8 or float32 from 0 to 255.
        channel_mean, channel_std: float32 (channels,), for pixels in [0, 1].

    Returns:
        float32, channels last in memory.
    """
    scaled = images.to(torch.float32, memory_format=torch.channels_last, copy=True).div_(255)
    return scaled.sub_(channel_mean[:, None, None]).div_(channel_std[:, None, None])
