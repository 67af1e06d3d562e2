"""The development issuer: OpenID Connect for the local stack alone. It asks nobody for a password, and production refuses it."""
