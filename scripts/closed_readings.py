"""Rule closed_readings: an experiment in closed form under each reading, in one job."""

import pandas as pd
from tqdm import tqdm

from replication.families import make
from replication.pipeline.files import write_table
from replication.pipeline.job import job

with job(snakemake):
    p = snakemake.params
    tables = [
        make(p.experiment, section, p.seed).all_stages().assign(reading=reading)
        for reading, section in tqdm(p.sections.items(), desc=p.experiment, ascii=True)
    ]
    write_table(pd.concat(tables, ignore_index=True), snakemake.output.table)
