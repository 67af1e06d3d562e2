"""The local stack: PostgreSQL, Kafka, the development issuer and the three services, started and watched without root or Docker."""
