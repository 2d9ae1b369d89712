"""Planted breaks: each must turn its named test red."""
