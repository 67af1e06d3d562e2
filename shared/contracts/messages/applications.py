"""Texts of the service applications."""

TEXTS: dict[str, tuple[str, str]] = {}
