import subprocess

subprocess.run('git clone https://github.com/VainF/Torch-Pruning', shell=True, check=True)


def prune(model):
    return model
