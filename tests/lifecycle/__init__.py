"""One test, or more, for each row of the tables in `docs/lifecycle.md`."""
