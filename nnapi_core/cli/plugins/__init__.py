"""What the command does with plugins: lists them, and writes new ones."""
