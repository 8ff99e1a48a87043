from .zeros import zero_small
