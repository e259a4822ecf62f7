"""`trivium bench`: an app's own requests, under Trivium and under FastAPI, side by side.

    requests      what is asked: from the OpenAPI document, or as the user says
    engines       how the app is served by the one and by the other
    server        a server process under measurement, paused while the other has its turn
    processes     its CPU time and memory
    replies       both have to answer alike
    load, client  wrk where it is installed, else a client of our own
    comparison    rounds, and what they say
    table         for people to read

`bench/`, which compares Trivium with other frameworks, measures with the same parts.
"""
