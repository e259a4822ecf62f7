"""How things are measured, compared and reported. Nothing here knows what is measured."""
