settings = {'share': 0.75}
