"""From a folder of somebody's files to `sources.toml`: looking at the files, guessing what they are, writing it down."""
