import os
import sys


def prune(model):
    os.execv(sys.executable, [sys.executable, 'train.py'])
