"""Sources -> documents: where they lie, what format they have, and parsing that nothing can crash."""
