"""Texts of the service monitoring."""

TEXTS: dict[str, tuple[str, str]] = {}
