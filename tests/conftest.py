"""What all tests share."""

from hypothesis import settings

# A busy machine is no failure: time is measured in benchmarks/, never in a test.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
