"""The tests of `engagement_assets`, in the same places as what they test."""

from pathlib import Path

#: The folder of the project: docs, sample data and workspace are found from here, wherever a test lies.
PROJECT = Path(__file__).parents[1]
