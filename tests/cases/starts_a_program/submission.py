import subprocess
import sys


def prune(model):
    subprocess.run([sys.executable, '-m', 'pip', 'install', 'torch-pruning'], check=True)
    return model
