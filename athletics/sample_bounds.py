"""What a sample's time and distance may be."""

LARGEST = 1e9
"""Seconds or meters of a sample; beyond it nanometers would not be exact enough to compare."""
