"""Candidates to better candidates, one step a file."""
