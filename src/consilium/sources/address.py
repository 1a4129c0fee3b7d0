"""Address: where a database is, told without what must stay unsaid."""

from __future__ import annotations

from consilium.core.errors import InputError

PASSWORD = "CONSILIUM_DATABASE_PASSWORD"
"""The variable of the environment that holds the password of a database; an address holds none, since command lines are seen and kept."""
_SCHEME = "://"
_SECRETS = ("pass", "pwd", "secret", "token")


def is_address(text: str) -> bool:
    """Whether a text is an address rather than a path.

    Examples
    --------
    >>> is_address("postgresql+psycopg://host/cdm"), is_address("exports/cdm.duckdb")
    (True, False)
    """
    return _SCHEME in text


def shown(address: str) -> str:
    """An address as it may be printed and kept: without user, password and options.

    Examples
    --------
    >>> shown("postgresql+psycopg://me:p@ss@host/cdm?sslmode=require")
    'postgresql+psycopg://host/cdm'
    """
    scheme, _, rest = address.partition(_SCHEME)
    return f"{scheme}{_SCHEME}{rest.rpartition('@')[2].partition('?')[0]}"


def without_password(address: str) -> str:
    """The address itself.

    Raises
    ------
    InputError
        When it bears a password.

    Examples
    --------
    >>> without_password("postgresql://me@host/cdm")
    'postgresql://me@host/cdm'
    """
    scheme, _, rest = address.partition(_SCHEME)
    user, at, _ = rest.rpartition("@")
    options = rest.partition("?")[2].lower()
    if (at and ":" in user) or any(word in options for word in _SECRETS):
        raise InputError(
            "The address of a database bears a password", where=f"{scheme}{_SCHEME}...",
            do=f"leave it out and set {PASSWORD} in the environment, or what the driver reads by itself (PGPASSWORD, ~/.pgpass)",
        )  # fmt: skip
    return address
