"""Images in another size, and samples between their pixels."""
