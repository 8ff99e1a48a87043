prune = 0.75
