"""Quantisation as a torch graph says it: ``quantize`` and ``dequantize`` become types."""
