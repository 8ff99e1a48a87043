raise ImportError('the wrong one')
