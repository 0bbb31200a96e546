"""The CNN's training as one would write it without this project."""

import os
import time

import numpy as np
import torch
from PIL import Image
from pytorch_optimizer import SAM
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import Compose, Normalize, ToTensor


class Pictures(Dataset[tuple[torch.Tensor, int]]):
    """Images in memory, each decoded when it is asked for, as torchvision's CIFAR10 does it."""

    def __init__(self, count: int) -> None:
        self.images = np.random.default_rng(0).integers(0, 256, (count, 64, 32, 3), dtype=np.uint8)
        self.transform = Compose([ToTensor(), Normalize((0.5,) * 3, (0.25,) * 3)])

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row: int) -> tuple[torch.Tensor, int]:
        return self.transform(Image.fromarray(self.images[row])), row % 2


def images_per_second(alone: bool, steps: int, method: str) -> float:
    """Return the rate of an epoch of SGD or SAM, after one that is not counted.

    Args:
        alone: the process has the machine, with PyTorch's threads and a loader's process for each
            core; else it has one thread.
    """
    workers = len(os.sched_getaffinity(0)) if alone else 0
    if not alone:
        torch.set_num_threads(1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    loader = DataLoader(
        Pictures(steps * 100),
        100,
        shuffle=True,
        num_workers=workers,
        persistent_workers=alone,
        # What Linux does by itself, but not in a process that was spawned.
        multiprocessing_context="fork" if alone else None,
    )
    model = nn.Sequential(
        nn.Conv2d(3, 32, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(64, 128, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(4096, 2),
    ).to(device)
    optimizer: torch.optim.Optimizer
    if method == "sam":
        optimizer = SAM(model.parameters(), torch.optim.SGD, rho=0.05, lr=0.001, momentum=0.9)
    else:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9)

    def epoch() -> float:
        start = time.perf_counter()
        total = 0.0
        for pictures, targets in loader:
            images, labels = pictures.to(device), targets.to(device)

            def closure(images: torch.Tensor = images, labels: torch.Tensor = labels) -> float:
                optimizer.zero_grad()
                loss = cross_entropy(model(images), labels)
                loss.backward()  # type: ignore[no-untyped-call]
                return loss.item()

            total += closure()
            if method == "sam":
                optimizer.step(closure)
            else:
                optimizer.step()
        return time.perf_counter() - start

    epoch()
    return steps * 100 / epoch()
