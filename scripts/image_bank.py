"""Rule image_bank: Omniglot's images as bits, from the first source that has them."""

import numpy as np

from innerlr.features import generator
from replication.config import load
from replication.images.sources import obtain
from replication.pipeline.files import write_arrays
from replication.pipeline.job import job

with job(snakemake) as facts:
    p = snakemake.params
    images = load(snakemake.config).fig03.images.model_dump()
    bank, source = obtain(images, generator(p.seed, "omniglot"))
    facts["data_source"] = source
    write_arrays(snakemake.output.arrays, {**bank.to_arrays(), "source": np.array(source)})
