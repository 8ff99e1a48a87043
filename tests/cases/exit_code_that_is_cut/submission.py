"""A negative status, at import."""

import os

os._exit(-1)
