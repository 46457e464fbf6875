"""What assets are given: the engine that computes, the tables of the lake, the sources."""
