"""Find particles in cryo-electron tomograms, learning from very few labels."""

__version__ = "0.3.0.dev0"
