share = 0.75
