"""Whether a score predicts what it claims: snapshots compared with what customers did afterwards."""
