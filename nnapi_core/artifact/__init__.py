"""What leaves: the parts of a conversion, and the files that they are written to."""
