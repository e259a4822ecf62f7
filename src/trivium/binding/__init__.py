"""A handler's signature becomes a plan; a request becomes its arguments.

``params`` and ``declare`` are what a signature is written with. ``analysis`` reads a signature
into the tree of ``dependant``, whose parameters are ``fields``. ``steps`` flattens the tree, and
``plan`` runs it: ``body`` and ``forms`` are read, ``values`` makes the arguments, ``lifetimes``
closes what was opened. ``container`` holds what lives as long as the application.
"""
