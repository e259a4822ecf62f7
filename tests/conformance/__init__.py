"""FastAPI's own tests, run on Trivium: ``python -m tests.conformance``, or ``make conformance``.

Nothing of FastAPI is kept in this repository. The runner downloads its source distribution into
``.cache/conformance``, keeps the tests and the documentation's programs, removes the package, and
compares what passes on Trivium with what passes on the real package.

=====================  ===========================================================================
``suite.py``           the download, and the tests unpacked without the package
``environments.py``    one environment with Trivium and one with the real package, else the same
``session.py``         one pytest session in one of them: which item ended how
``baseline.py``        what passes on the real package, worked out once for a set of versions
``compatibility.py``   the differences that ``docs/compatibility.md`` explains
``verdict.py``         the comparison: tables, findings, the exit code
``last.py``            what the previous run left, for ``--last-failed``
``plugins/``           what the sessions load; not imported from here
=====================  ===========================================================================
"""
