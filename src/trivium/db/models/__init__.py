"""Models: SQLAlchemy declarative classes with a manager, validation and explicit loading.

base.py         Model
meta.py         class Meta
references.py   foreign_key and the on_delete rules
types.py        the column types of annotations
validation.py   construction validates by the annotations
loading.py      what is not loaded raises an error that names the fix
"""
