"""Faults on purpose: killed runs, full disks, lost workers, damaged files, two runs at once."""
