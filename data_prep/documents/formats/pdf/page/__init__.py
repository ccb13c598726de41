"""One page: its words with their places, its lines, and the order in which they are read."""
