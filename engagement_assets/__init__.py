"""Customer engagement intelligence: which customers are valuable, which are slipping away, and why, as of any day."""
