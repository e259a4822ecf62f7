"""Has the processes that the tests start be measured too, where the tests themselves are."""

import coverage

coverage.process_startup()
