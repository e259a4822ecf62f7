"""The same operations, as a user of each library writes them.

A program is a module with ``open(url)`` and ``close()``, which may be coroutine functions, and the
functions of ``bench.data.operations.OPERATIONS``. The table is made by the driver.
"""
