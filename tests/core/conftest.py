"""Settings of the property tests of the pure cores."""

from hypothesis import settings

# Two cores are shared by everything that runs: how long one example takes says nothing about the code. What is slow shows in the whole.
settings.register_profile("core", deadline=None)
settings.load_profile("core")
