"""Programs that show how Trivium is used: each folder is one, made to be read and copied."""
