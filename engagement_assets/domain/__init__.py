"""What words mean: contracts, catalogue, policies. No input, no output, no Dagster."""
