"""Trivium beside its peers over real sockets: `make bench`, see ../README.md.

endpoints, programs/   what is asked, and each peer's program that answers
peers                  who is measured, on which server
environment            where they are installed
server, load, client   a server on one core, the load on the other
replies                only right replies are measured
rounds, alone, lasting the measurements
goals, report, plot    what they say
"""
