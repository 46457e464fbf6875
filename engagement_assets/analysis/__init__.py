"""Reads published tables: reports, rejected rows, explanation, backtest, sensitivity, monitoring statistics."""
