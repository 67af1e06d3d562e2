"""All SQL of this service, and the way between rows and core types."""
