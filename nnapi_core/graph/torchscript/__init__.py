"""Models of torch.ao.quantization, read through their TorchScript: packed weights and operators over them."""
