"""What a client may ask, one file a subject. Each file makes a `router`; app.py includes them."""
