"""The schema of monitoring, revision by revision, in plain SQL."""
