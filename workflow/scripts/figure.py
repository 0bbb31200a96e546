"""Draw a figure: its module has the figure's name, and knows what it is drawn from."""

from importlib import import_module

from feature_quality.artifacts.sidecar import write_sidecar
from feature_quality.job import job
from feature_quality.reporting.figures.drawing import save

with job(snakemake.log[0]):
    module = import_module(f"feature_quality.reporting.figures.{snakemake.params.figure}")
    inputs = {name: list(files) for name, files in snakemake.input.items()}
    drawing = module.draw(inputs, snakemake.params.method)
    save(drawing.figure, snakemake.output.pdf, snakemake.output.png)
    notes = [*drawing.texts, snakemake.params.run_note]
    write_sidecar(snakemake, "matplotlib", "seaborn", "pandas", "numpy", notes=notes)
