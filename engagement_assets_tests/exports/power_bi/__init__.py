"""The Power BI project: judged by Microsoft's validators, by parsers, and by a cross-reference of our own."""
