"""Files of records: reading them, and what a document keeps of a record."""
