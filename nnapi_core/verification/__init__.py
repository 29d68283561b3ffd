"""A conversion beside torch: how far each output is off, which node departs first, and why."""
