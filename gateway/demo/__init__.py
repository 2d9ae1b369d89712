"""The demonstration: a small site with people, and a target with a real shell. Nothing of the product imports it."""
