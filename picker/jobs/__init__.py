"""One job's work: files are read, the science is called, results are written."""
