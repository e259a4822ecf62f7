"""The smallest Trivium program: one file."""
