"""What lies on disk, and who works at it."""
