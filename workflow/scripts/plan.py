"""Print what the configuration will cost."""

from feature_quality.job import job
from feature_quality.plan import cost, describe, toy_cost

with job(snakemake.log[0]):
    costs = [cost(**workload) for workload in snakemake.params.workloads]
    costs.append(toy_cost(snakemake.params.toy_parts))
    print(describe(costs, snakemake.params.cores))
