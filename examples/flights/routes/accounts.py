"""Logging in, and asking who is logged in."""

from datetime import timedelta
from typing import Annotated

from trivium import APIRouter, Depends, HTTPException, Security, status
from trivium.security import OAuth2PasswordRequestForm

from ..accounts import Grant, check_login, sign_token
from ..dependencies import SettingsDep, get_grant
from ..models import Account
from ..schemas import AccountOut, Problem, Token

router = APIRouter(tags=["accounts"])


@router.post("/token", responses={400: {"model": Problem}})
async def log_in(
    form: Annotated[OAuth2PasswordRequestForm, Depends()], settings: SettingsDep
) -> Token:
    """Exchange a username and a password for a token.

    The token allows the scopes that the form asks for, as far as the account has them; a form that
    asks for none gets all that the account has.
    """
    account = await check_login(form.username, form.password)
    if account is None:
        raise HTTPException(status.HTTP_400_BAD_REQUEST, "Wrong username or password")
    scopes = set(account.scopes.split())
    if form.scopes:
        scopes &= set(form.scopes)
    grant = Grant(account.username, frozenset(scopes))
    lasts = timedelta(minutes=settings.token_minutes)
    return Token(
        access_token=sign_token(grant, secret=settings.secret.get_secret_value(), lasts=lasts),
        expires_in=int(lasts.total_seconds()),
        scope=" ".join(sorted(scopes)),
    )


@router.get("/me", responses={401: {"model": Problem}})
async def read_me(grant: Annotated[Grant, Security(get_grant)]) -> AccountOut:
    """Say who is logged in, and what the login allows."""
    account = await Account.objects.filter(username=grant.username).first()
    if account is None:
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "This account is gone")
    return AccountOut(
        username=account.username, full_name=account.full_name, scopes=sorted(grant.scopes)
    )
