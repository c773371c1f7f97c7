"""Weights in safetensors or GGUF to ONNX graphs, without torch."""
