"""What the training of a run has come to."""

from dataclasses import dataclass, field

from torch import Tensor


@dataclass
class TrainedRun:
    """What training leaves.

    Attributes:
        weights: the last epoch's weights, or the last finite ones of a run that diverged.
        snapshots: the weights after each of the configured epochs that was reached.
        history: one row per epoch, the columns of ``artifacts.history.HISTORY``; that of the epoch
            in which the run diverged has no losses and errors.
        diverged: (epoch, step), both from 1, at which loss, gradient or weights stopped being
            finite.
    """

    weights: dict[str, Tensor]
    snapshots: dict[int, dict[str, Tensor]] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    diverged: tuple[int, int] | None = None
