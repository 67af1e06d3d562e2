"""Texts of the service decisions."""

TEXTS: dict[str, tuple[str, str]] = {}
