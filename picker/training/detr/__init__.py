"""What a detection transformer learns: matching, losses and denoising queries."""
