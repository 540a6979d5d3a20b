"""Meta-training of networks: many models in one batched program, checkpoints, devices."""
