"""Put the figures of a run into a gallery: small PNG files, and a page with their captions.

python benchmarks/gallery.py results/figures docs/gallery figure_01 figure_02 …
"""

import json
import sys
from pathlib import Path

from PIL import Image

HEAD = """# Gallery

Figures of the toy study, which `make gallery` copies from `results/figures/`. The captions are
those that the workflow writes beside each figure; they say how many seeds and epochs the runs had.
*Phantom* weights are those at the perturbed parameters, *real* ones are the network's. In Appendix
D's, `digits_photos` is a network of the demonstration.
"""


def entry(source: Path, target: Path) -> str:
    """Copy a figure with fewer colours; return its part of the page."""
    with Image.open(source) as image:
        # A palette makes small files. This one has a place for rare colours, as those of legends.
        method, dither = Image.Quantize.MAXCOVERAGE, Image.Dither.NONE
        image.convert("RGB").quantize(method=method, dither=dither).save(target, optimize=True)
    caption = json.loads(source.with_suffix(".json").read_text(encoding="utf-8"))["caption"]
    title, _, rest = caption.partition(". ")
    return f"\n## {title}\n\n![{title}]({target.name})\n\n{rest}\n"


def main(figures: str, gallery: str, *names: str) -> None:
    """Write the gallery."""
    folder = Path(gallery)
    folder.mkdir(parents=True, exist_ok=True)
    parts = [entry(Path(figures, f"{name}.png"), folder / f"{name}.png") for name in names]
    (folder / "README.md").write_text("".join([HEAD, *parts]), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
