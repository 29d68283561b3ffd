"""Views, copies and pieces of a tensor: its elements in another shape, order or number."""
