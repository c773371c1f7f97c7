"""File to chunks: detect, load, preprocess, chunk. Pure; runs in a worker process."""
