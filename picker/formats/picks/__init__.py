"""Files of picks of any kind: one module a file type."""
