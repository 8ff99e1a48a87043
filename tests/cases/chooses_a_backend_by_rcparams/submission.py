import matplotlib
import matplotlib.pyplot as plt


def prune(model):
    matplotlib.rcParams['backend'] = 'Qt5Agg'
    plt.plot([1, 2])
    plt.show()
    return model
