"""Print what the configuration will cost."""

from feature_quality.config.loading import load
from feature_quality.job import job
from feature_quality.plan import Machine, cost, describe, report_cost, toy_cost

with job(snakemake.log[0]):
    settings, params = load(snakemake.config), snakemake.params
    machine = Machine(settings)
    costs = [cost(settings, dataset, machine) for dataset in settings.datasets]
    if params.toy_parts:
        costs.append(toy_cost(params.toy_parts, machine))
    costs.append(report_cost(params.figures, params.tables, machine))
    print(describe(costs, params.cores, machine.device))
