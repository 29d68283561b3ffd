"""PyTorch's side: from a module to a functional graph of claimed ops with its constants told apart."""
