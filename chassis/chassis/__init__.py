"""The chassis: what every service rides on. It knows nothing of what any service is about."""

import gc

__version__ = "1.1.0"

# A service loads a hundred thousand things that stay. To look through all of them again and again while they
# come took a sixth of its start; `create_service` lets the collector go on.
gc.disable()
