"""The statistics behind the monitoring checks."""
