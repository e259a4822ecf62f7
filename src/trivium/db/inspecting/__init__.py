"""Models for a database that is there already: `trivium inspectdb`.

writing.py     models_of: the source of a module with a model for each table
relations.py   what refers to what, with a name on both sides
"""

from trivium.db.inspecting.writing import models_of

__all__ = ["models_of"]
