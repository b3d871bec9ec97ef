"""From the picks of a class to its average: boxes, alignment, agreement of halves."""
