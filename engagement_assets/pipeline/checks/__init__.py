"""The quality rules: what is examined between stage and publish, and how the results are told per partition."""
