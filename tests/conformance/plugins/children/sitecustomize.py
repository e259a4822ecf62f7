"""Python runs this at the start of every process that a test starts: Trivium there, too."""

import trivium.fastapi

trivium.fastapi.install()
