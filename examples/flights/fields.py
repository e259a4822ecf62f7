"""The words that queries, bodies and messages have in common, each with what makes it valid."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

# New York's three airports: every flight of the data set leaves from one of them.
Origin = Literal["EWR", "JFK", "LGA"]

AirlineCode = Annotated[
    str, StringConstraints(pattern="^[A-Z0-9]{2}$"), Field(description="IATA code, as in UA")
]
AirportCode = Annotated[
    str, StringConstraints(pattern="^[A-Z0-9]{3}$"), Field(description="FAA code, as in SFO")
]
TailNumber = Annotated[
    str, StringConstraints(pattern="^[A-Z0-9]{5,6}$"), Field(description="as in N14228")
]
FlightNumber = Annotated[int, Field(ge=1, le=9999)]
# SQLite's integers end here; a larger number is a client's mistake, not the database's.
FlightId = Annotated[int, Field(ge=1, le=2**63 - 1)]
