"""Serving: settings, processes and their ends, on real sockets."""
