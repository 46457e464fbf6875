"""What leaves the product for other tools: CSV files as a star schema, audience files, measures, a Power BI project."""
