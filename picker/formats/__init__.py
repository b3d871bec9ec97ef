"""One module a file type: a `read_` and a `write_` each."""
