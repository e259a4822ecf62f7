"""Who may do what: passwords, signed tokens and their scopes."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import jwt
from anyio import to_thread
from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from trivium.db import InvalidValue, atomic

from .models import Account

WRITE = "flights:write"
SCOPES = {WRITE: "Plan flights and have reports built"}

# Two logins to try: one that may write, and one that may not.
DEMO_ACCOUNTS = (
    {"username": "dispatcher", "full_name": "Dana Dispatcher", "scopes": WRITE},
    {"username": "visitor", "full_name": "Vic Visitor", "scopes": ""},
)

ALGORITHM = "HS256"
# OWASP's smallest advised cost of Argon2id: two accounts are hashed at the first start.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Checked when there is no such account, so that both refusals take the same time.
_NOBODYS_HASH = _hasher.hash("nobody")


class BadToken(Exception):
    """The token is malformed, forged or expired; the message says which."""


@dataclass(frozen=True)
class Grant:
    """What a token says: whose it is, and what it allows."""

    username: str
    scopes: frozenset[str]


@atomic
async def create_demo_accounts(password: str) -> None:
    """Make the demo accounts, and give them `password` if they have another one."""
    for columns in DEMO_ACCOUNTS:
        account, _ = await Account.objects.get_or_create(
            username=columns["username"], defaults={**columns, "password_hash": _NOBODYS_HASH}
        )
        if not await _verify(account.password_hash, password):
            account.password_hash = await to_thread.run_sync(_hasher.hash, password)
            await account.save()


async def check_login(username: str, password: str) -> Account | None:
    """The account with that name and password, or None."""
    try:
        account = await Account.objects.filter(username=username).first()
    except InvalidValue:  # a name that no account can have
        account = None
    known = await _verify(account.password_hash if account else _NOBODYS_HASH, password)
    return account if known else None


async def _verify(password_hash: str, password: str) -> bool:
    # A good password hash is slow by intent: in a thread it holds up nobody else.
    try:
        return await to_thread.run_sync(_hasher.verify, password_hash, password)
    except VerificationError:
        return False


def sign_token(grant: Grant, *, secret: str, lasts: timedelta) -> str:
    """A JSON Web Token that says `grant` and expires."""
    now = datetime.now(UTC)
    claims = {
        "sub": grant.username,
        "scope": " ".join(sorted(grant.scopes)),
        "iat": now,
        "exp": now + lasts,
    }
    return jwt.encode(claims, secret, ALGORITHM)


def read_token(token: str, *, secret: str) -> Grant:
    """What the token says; raises `BadToken`."""
    try:
        claims = jwt.decode(
            token, secret, algorithms=[ALGORITHM], options={"require": ["sub", "exp"]}
        )
    except jwt.ExpiredSignatureError:
        raise BadToken("The login has expired: log in again") from None
    except jwt.InvalidTokenError:
        raise BadToken("The token is not one of ours") from None
    return Grant(claims["sub"], frozenset(claims.get("scope", "").split()))
