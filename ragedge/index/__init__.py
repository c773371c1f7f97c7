"""The knowledge base on disk: SQLite rows are the truth, vector graphs are caches of them."""
