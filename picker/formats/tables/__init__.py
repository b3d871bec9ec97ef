"""Readers and writers of STAR and tab-separated tables, and tables without picks."""
