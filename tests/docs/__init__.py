"""The documentation as a test: ``pages`` runs its examples, the tests check its claims."""
