"""From a module or a file to an exported program, and from that to a `Program`."""
