"""What every program sends, so that none sends less than another."""

GREETING = "Hello, World!"

# About 20 kB as JSON.
REPORT = [
    {
        "id": number,
        "sku": f"article-{number:05}",
        "title": "A thing that somebody may want to buy, and its description in a few words",
        "price": 9.5 + number,
        "tags": ["new", "blue", "heavy"],
        "stock": {"berlin": number * 3, "lyon": number * 7},
    }
    for number in range(100)
]

EVENTS = 500
"""Events of one reply of `/events`."""

TICK = 5.0
"""Seconds between two events of `/ticks`, which does not end."""
