"""Projects of other programs, read in place as tables of tomograms."""
