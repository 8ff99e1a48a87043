from prune import prune
