"""All SQL of the service applications: rows to core types and back. Every function works in the transaction that it is given."""
