"""The clock starts when this is imported, which the scripts do before anything large."""

import time

STARTED = time.perf_counter()
