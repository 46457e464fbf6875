"""The computing: pure functions from data frames to data frames, one file per step, the same on every engine."""
