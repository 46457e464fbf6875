"""The software-defined assets, one file per group: each reads, calls a transform, and publishes."""
