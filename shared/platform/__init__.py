"""What every service stands on and that knows no domain: settings, clock, database, outbox, bus, deadlines, HTTP, identity, logs.

A service's ``main.py`` puts these together; nothing here imports a service or a domain contract.
"""
