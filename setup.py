"""A shim for tools that still ask for it: pyproject.toml holds everything."""

from setuptools import setup

setup()
