"""One module for each framework or library; they are strangers to each other."""
