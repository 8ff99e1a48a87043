def prune(model):
    print 'done'
    return model
