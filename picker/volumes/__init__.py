"""A volume to a volume: normalised, whitened, with what is left out."""
