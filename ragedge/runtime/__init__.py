"""The one place that touches onnxruntime: backends, sessions, and buffers bound in place."""
