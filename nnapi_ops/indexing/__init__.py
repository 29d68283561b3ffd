"""Reading from and writing to positions that a tensor of integers holds."""
