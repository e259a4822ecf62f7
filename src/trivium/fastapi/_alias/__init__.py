"""Running programs that say ``fastapi`` on Trivium; the only logic in the mirror.

``finder``   makes ``fastapi`` mean ``trivium.fastapi`` in this process
``program``  runs a program that way: ``python -m trivium.fastapi main.py``
``startup``  a directory for ``PYTHONPATH``, so that the processes it starts do the same
"""
