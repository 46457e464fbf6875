"""What the pages ask the tables: one file per page, plain SQL, no layout."""
