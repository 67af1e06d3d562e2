"""The people of the local stack, so that every role can be tried at once. Their enterprises are invented."""

from __future__ import annotations

from dataclasses import dataclass, replace

from shared.contracts.access.rule import Role


@dataclass(frozen=True)
class Person:
    """``org`` is the tax code of a startup's enterprise; ``authority`` the office of an officer or supervisor."""

    sub: str
    name: str
    role: Role
    org: str | None = None
    authority: str | None = None


PEOPLE: tuple[Person, ...] = (
    Person("sen", "Sân khấu Sen Vàng", Role.STARTUP, org="0312345670"),
    Person("ben", "Phim trường Bến Nghé", Role.STARTUP, org="0387654321"),
    Person("lan", "Nguyễn Thị Lan", Role.OFFICER, authority="prov_79_culture"),
    Person("minh", "Trần Văn Minh", Role.OFFICER, authority="prov_79_culture"),
    Person("huong", "Lê Thu Hương", Role.SUPERVISOR, authority="prov_79_culture"),
    Person("tuan", "Phạm Anh Tuấn", Role.OFFICER, authority="prov_01_culture"),
    Person("mai", "Hoàng Thị Mai", Role.OFFICER, authority="prov_01_culture"),
    Person("son", "Vũ Đình Sơn", Role.SUPERVISOR, authority="prov_01_culture"),
    Person("thao", "Đặng Phương Thảo", Role.AUDITOR),
    Person("ops", "Vận hành", Role.OPS),
)
"""Two officers of one authority, because a decision under four eyes needs them; the first of a role is meant when only the role is given."""


def find(
    role: Role, sub: str | None = None, *, org: str | None = None, authority: str | None = None, name: str | None = None
) -> Person:
    """The seeded person of ``role`` (and of that ``sub``, ``org`` or ``authority``, where given), or else a new one with these claims."""
    for person in PEOPLE:
        if person.role is role and all(
            asked is None or asked == known
            for asked, known in ((sub, person.sub), (org, person.org), (authority, person.authority))
        ):
            return replace(person, name=name or person.name)
    fallback = sub or f"{role}-{org or authority or 'dev'}"
    return Person(fallback, name or fallback, role, org=org, authority=authority)
