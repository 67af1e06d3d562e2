"""The schema of the service applications, revision by revision, in plain SQL."""
