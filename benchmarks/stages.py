"""Print how long the jobs of a finished results folder took, by stage.

    PYTHONPATH=workflow:benchmarks .venv/bin/python benchmarks/stages.py results

The times are those that Snakemake measured of each job when it last ran, from the start of its
process to the end; times of jobs that ran side by side are added up.
"""

import sys
from pathlib import Path

import pandas as pd


def times(benchmarks: Path) -> pd.DataFrame:
    """Return the stage, seconds and largest memory in MB of each job."""
    rows = []
    for path in sorted(benchmarks.rglob("*.tsv")):
        place = path.relative_to(benchmarks)
        # Tables and figures have their file at the top: figure_02, learning_cifar_mnist.
        stage = place.parts[0] if len(place.parts) > 1 else place.stem.partition("_")[0]
        [job] = pd.read_csv(path, sep="\t").to_dict("records")
        rows.append({"stage": stage, "seconds": job["s"], "MB": job["max_rss"]})
    if not rows:
        sys.exit(f"{benchmarks}: no job has been timed here")
    return pd.DataFrame(rows)


def main() -> None:
    """Print the table, the longest stage first."""
    if len(sys.argv) != 2:
        sys.exit("usage: stages.py RESULTS")
    jobs = times(Path(sys.argv[1], "benchmarks"))
    table = jobs.groupby("stage").agg(
        jobs=("seconds", "size"),
        seconds=("seconds", "sum"),
        median=("seconds", "median"),
        memory_mb=("MB", "max"),
    )
    table = table.sort_values("seconds", ascending=False)
    table["share"] = (table["seconds"] / table["seconds"].sum()).map("{:.1%}".format)
    print(table.to_markdown(floatfmt=".1f"))
    print(f"\n{len(jobs)} jobs, {table['seconds'].sum():,.0f} s in all")


if __name__ == "__main__":
    main()
