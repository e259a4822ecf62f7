"""File columns: the database holds a key, a storage the file.

column.py    FileType, the type of a column, and what it allows
stored.py    StoredFile, what an attribute holds
sources.py   what a file can be made of
keeping.py   files come and go with their rows
"""
