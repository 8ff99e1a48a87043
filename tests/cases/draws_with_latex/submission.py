import matplotlib.pyplot as plt


def prune(model):
    plt.rc('text', usetex=True)
    plt.title('$w$')
    plt.savefig('weights.png')
    return model
