"""Queries: Django's verbs, awaited, compiled to SQLAlchemy's ``select()``.

queryset.py      QuerySet, made of chain.py, reading.py, writing.py
manager.py       Model.objects, objects(Class)
q.py             Q, and how conditions combine
expressions.py   F, Value, Case, Subquery, Exists; aggregates.py, windows.py, functions.py
lookups.py       what may follow a name; sql.py: what databases spell differently
paths.py         names across relations; scope.py: the tables they lead to
context.py       conditions and values as SQL; compiler.py: the whole statement
fetching.py      prefetch_related and fetch; deletion.py: on_delete; bulk.py
"""
