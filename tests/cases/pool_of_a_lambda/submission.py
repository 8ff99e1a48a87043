from concurrent.futures import ProcessPoolExecutor


def prune(model):
    with ProcessPoolExecutor(2) as pool:
        print(list(pool.map(lambda x: x + 1, [1])))
    return model
