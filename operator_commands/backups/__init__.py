"""`pacegraph backup` and `pacegraph restore`: all that is stored, in a folder, and back."""
