"""Compiles the kernel before the first job would: ``python -m feature_quality.toy.compile``."""

from feature_quality.toy.distribution import Distribution
from feature_quality.toy.engine import train
from feature_quality.toy.runs import Run

if __name__ == "__main__":
    points = Distribution(
        train_points=1,
        test_points=1,
        gap=0.1,
        easy_scale=1,
        hard_scale=1,
        inner_radius=0.1,
        jitter=0,
    )
    train(Run(seed=0, complexity=270, batch_size=1, steps=1), points, lr=0.01)
