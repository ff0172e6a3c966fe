"""Imports of recordings from files."""
