"""The pages: one file each, layout and figures, no SQL."""
