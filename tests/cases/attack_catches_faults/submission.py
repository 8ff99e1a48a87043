"""userfaultfd, with which the kernel can be made to wait inside itself."""

import target

UFFD_USER_MODE_ONLY = 1


def prune(model):
    target.must_not(lambda: target.kernel("userfaultfd", UFFD_USER_MODE_ONLY))
    return model
