"""All SQL of monitoring; rows to core types and back."""
