import sys
from pathlib import Path

import pytest
import torch

import stages
from machine import Rates, Roofline

HEADER = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


class TestRoofline:
    @pytest.mark.parametrize(
        ("products", "copies", "seconds"),
        [
            # 2 · 3 · 4 · 5 operations.
            (10.0, 1e9, 12.0),
            # 12 + 20 + 15 numbers of four bytes.
            (1e9, 2.0, 94.0),
        ],
    )
    def test_a_product_takes_its_operations_or_its_bytes(
        self, products: float, copies: float, seconds: float
    ) -> None:
        with Roofline(Rates(products, copies)) as roofline:
            torch.ones(3, 4).mm(torch.ones(4, 5))
        made = (3 * 4 + 4 * 5) * 4 / copies
        assert roofline.seconds - made == pytest.approx(seconds)

    def test_a_view_and_new_memory_take_nothing(self) -> None:
        tensor = torch.ones(4, 6)
        with Roofline(Rates(1.0, 1.0)) as roofline:
            tensor.view(24)[3:].unsqueeze(0)
            torch.empty_like(tensor)
        assert roofline.seconds == 0

    def test_what_is_moved_is_counted_once(self) -> None:
        source, target = torch.ones(5), torch.ones(5)
        for operation, moved in ((target.copy_, 40), (target.add_, 40), (torch.neg, 40)):
            with Roofline(Rates(1.0, 1.0)) as roofline:
                operation(source)
            assert roofline.seconds == moved
        with Roofline(Rates(1.0, 1.0)) as roofline:
            source.zero_()
        assert roofline.seconds == 20

    def test_what_is_done_for_gradients_counts(self) -> None:
        weight = torch.ones(5, 4, requires_grad=True)
        images = torch.ones(3, 4)
        with Roofline(Rates(1.0, float("inf"))) as roofline:
            torch.nn.functional.linear(images, weight).sum().backward()
        # Forward, and the weight's gradient; the images need none.
        assert roofline.seconds == 2 * (2 * 3 * 4 * 5)


class TestStages:
    def write(self, path: Path, seconds: float, megabytes: float) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        row = f"{seconds}\t0:00:00\t{megabytes}\t0\t0\t0\t0\t0\t0\t0\n"
        path.write_text(HEADER + row)

    def test_jobs_are_added_up_by_stage(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        times = tmp_path / "benchmarks"
        self.write(times / "train" / "d" / "sgd" / "lr=0.1" / "rho=0" / "seed=0.tsv", 1.0, 300)
        self.write(times / "train" / "d" / "sgd" / "lr=0.1" / "rho=0" / "seed=1.tsv", 3.5, 200)
        self.write(times / "figure_02.tsv", 0.25, 10)
        self.write(times / "figure_03_d.tsv", 0.25, 20)
        monkeypatch.setattr(sys, "argv", ["stages.py", str(tmp_path)])
        stages.main()
        rows = [line.split("|")[1:-1] for line in capsys.readouterr().out.splitlines()[2:4]]
        assert [[cell.strip() for cell in row] for row in rows] == [
            ["train", "2", "4.5", "2.2", "300", "90.0%"],
            ["figure", "2", "0.5", "0.2", "20", "10.0%"],
        ]

    @pytest.mark.parametrize(
        ("arguments", "said"), [([], "usage"), (["elsewhere"], "no job has been timed here")]
    )
    def test_what_is_not_there_is_said(
        self, arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "argv", ["stages.py", *arguments])
        with pytest.raises(SystemExit, match=said):
            stages.main()
