"""What the command does with plugins: lists them, takes them from files, and writes new ones."""
