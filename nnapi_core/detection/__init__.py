"""Detection models: their operators, and what makes torchvision-style models exportable."""
