"""From candidates to better candidates, one step a file."""
