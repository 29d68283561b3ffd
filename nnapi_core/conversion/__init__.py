"""A conversion from beginning to end: what is asked of it, its steps, and what comes out."""
