"""Elements that are read by rules of their own."""
