"""Model folders: catalog, pull, verify, import, and the compilers that make them."""
