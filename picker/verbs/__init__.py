"""One file a verb: read files, call one function, write files."""
