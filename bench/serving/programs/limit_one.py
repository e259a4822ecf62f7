"""The physical limit has one route as it is. `python limit_one.py PORT`"""

import limit_app  # noqa: F401  # importing it serves
