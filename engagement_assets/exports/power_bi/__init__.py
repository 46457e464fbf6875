"""A Power BI project (PBIP) over the exported files: a semantic model as TMDL, a report as PBIR, generated, never edited."""
