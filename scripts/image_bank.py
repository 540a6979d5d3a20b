"""Rule image_bank: Omniglot's images as bits, from the first source that has them."""

import numpy as np

from innerlr.features import generator
from replication.images.sources import obtain
from replication.pipeline.files import write_arrays
from replication.pipeline.job import job
from replication.pipeline.targets import Targets
from replication.settings.config import load

with job(snakemake) as facts:
    p = snakemake.params
    images = Targets(load(snakemake.config)).images.model_dump()
    bank, source = obtain(images, generator(p.seed, "omniglot"))
    facts["data_source"] = source
    write_arrays(snakemake.output.arrays, {**bank.to_arrays(), "source": np.array(source)})
