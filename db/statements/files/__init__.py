"""Uploaded and original files, and imports of them."""
