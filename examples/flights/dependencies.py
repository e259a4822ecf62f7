"""What a handler may ask for, and where it comes from.

What lives as long as the app is made by app.py and handed to every connection as its `state`. What
is here takes an `HTTPConnection`, so requests and WebSockets may ask for it alike. The database is
nothing to ask for: `Flight.objects` finds the session of the request by itself.
"""

from typing import Annotated

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import HTTPConnection

from trivium import Depends, HTTPException, status
from trivium.db import session
from trivium.security import OAuth2PasswordBearer, SecurityScopes

from .accounts import SCOPES, BadToken, Grant, read_token
from .replay import Pace
from .settings import Settings


def get_settings(connection: HTTPConnection) -> Settings:
    settings: Settings = connection.state.settings
    return settings


def get_pace(connection: HTTPConnection) -> Pace:
    pace: Pace = connection.app.state.pace
    return pace


SettingsDep = Annotated[Settings, Depends(get_settings)]
PaceDep = Annotated[Pace, Depends(get_pace)]


# The session of the request, for queries that are written as SQLAlchemy's `select()`.
SessionDep = Annotated[AsyncSession, Depends(session)]

bearer = OAuth2PasswordBearer(tokenUrl="token", scopes=SCOPES)


def get_grant(
    needed: SecurityScopes,
    token: Annotated[str, Depends(bearer)],
    settings: SettingsDep,
) -> Grant:
    """What the caller's token allows: 401 without a good one, 403 if it allows too little.

    A handler names the scopes that it needs: `Security(get_grant, scopes=["flights:write"])`.
    """
    challenge = f'Bearer scope="{needed.scope_str}"' if needed.scopes else "Bearer"
    try:
        grant = read_token(token, secret=settings.secret.get_secret_value())
    except BadToken as error:
        raise HTTPException(
            status.HTTP_401_UNAUTHORIZED, str(error), headers={"WWW-Authenticate": challenge}
        ) from None
    missing = set(needed.scopes) - grant.scopes
    if missing:
        raise HTTPException(
            status.HTTP_403_FORBIDDEN,
            f"This login does not allow {', '.join(sorted(missing))}",
            headers={"WWW-Authenticate": challenge},
        )
    return grant
