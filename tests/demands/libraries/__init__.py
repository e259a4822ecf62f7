"""Programs that use third-party libraries for FastAPI; `test_libraries` runs them on Trivium."""
