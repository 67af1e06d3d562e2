"""Settings of the property tests of the pure cores."""

from hypothesis import HealthCheck, settings

# Two cores are shared by everything that runs: how long an example takes, or its making, says nothing about the code. What is slow shows
# in the whole.
settings.register_profile("core", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("core")
