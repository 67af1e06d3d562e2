"""Who may do what, enforced in one place: every route's name is its action, and each action is a row of the table that main hands in.

The role is checked before the body is read (:class:`shared.platform.http.GuardedRoute`); the handler receives the :class:`Grant` and
asks it whether the thing at hand is the caller's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from typing import Annotated, Protocol

from fastapi import Depends, Request

from shared.contracts.access.rule import RateLimit
from shared.contracts.errors import Forbidden, NotFound, Unauthenticated
from shared.platform.auth import Principal

PUBLIC = "public"
ANY = "any"
OWN = "own"
_OWN_BY_AUTHORITY = frozenset({"officer", "supervisor"})


class Rule(Protocol):
    """A row of the access table (:class:`shared.contracts.access.Rule` has this form)."""

    @property
    def roles(self) -> Set[str]: ...
    @property
    def ownership(self) -> str: ...
    @property
    def limit(self) -> RateLimit | None: ...


AccessTable = Mapping[str, Rule]


@dataclass(frozen=True)
class Grant:
    """What one caller may do with one action. ``principal`` is None where the action is public."""

    action: str
    principal: Principal | None
    roles: frozenset[str]
    """The caller's roles that the rule names: only these open anything here."""
    ownership: str

    @property
    def caller(self) -> Principal:
        """Who calls. Raises :class:`Unauthenticated` on a public action, where nobody needs to be anybody."""
        if self.principal is None:
            raise Unauthenticated(f"{self.action} is public and asks who calls")
        return self.principal

    @property
    def sees_all(self) -> bool:
        """Whether nothing is kept from the caller here: the rule says so, or a role that reads everything (auditor, ops)."""
        return self.ownership != OWN or bool(self.roles - _OWN_BY_AUTHORITY - {"startup"})

    @property
    def org(self) -> str | None:
        """The enterprise to which a startup's reading is confined, or None."""
        confined = not self.sees_all and "startup" in self.roles
        return self.caller.org if confined else None

    @property
    def authority(self) -> str | None:
        """The authority to which an officer's reading is confined, or None."""
        confined = not self.sees_all and bool(self.roles & _OWN_BY_AUTHORITY)
        return self.caller.authority if confined else None

    def check(self, *, org: str | None = None, authorities: Iterable[str] = (), what: str = "") -> None:
        """Raise :class:`NotFound` unless the thing that belongs to ``org`` and lies with ``authorities`` is the caller's to touch."""
        if self.sees_all or (org is not None and self.org == org):
            return
        if self.authority is not None and self.authority in set(authorities):
            return
        raise NotFound(what)


def decide(table: AccessTable, action: str, principal: Principal | None) -> Grant:
    """The grant of ``principal`` for ``action``. Raises :class:`Unauthenticated` without a principal, :class:`Forbidden` without a role."""
    rule = table[action]
    if rule.ownership == PUBLIC:
        return Grant(action, principal, frozenset(), PUBLIC)
    if principal is None:
        raise Unauthenticated("missing token")
    roles = {role for role in principal.roles & rule.roles if rule.ownership != OWN or _has_something(principal, role)}
    if not roles:
        raise Forbidden(action)
    return Grant(action, principal, frozenset(roles), rule.ownership)


def _has_something(principal: Principal, role: str) -> bool:
    """Whether a role that is confined to its own has an own: without it, "no filter" would show everything."""
    if role == "startup":
        return principal.org is not None
    return role not in _OWN_BY_AUTHORITY or principal.authority is not None


async def _granted(request: Request) -> Grant:
    grant = request.state.grant
    assert isinstance(grant, Grant)
    return grant


Granted = Annotated[Grant, Depends(_granted)]
"""A handler's parameter ``grant: Granted`` is what the caller may do."""
