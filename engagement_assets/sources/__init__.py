"""Customers, orders and web events as files: found, inspected, read, validated, deduplicated, accounted for."""
