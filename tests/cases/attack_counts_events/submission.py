"""perf_event_open on itself, in user mode alone."""

import struct

import target

PERF_TYPE_SOFTWARE, EXCLUDE_KERNEL_AND_HYPERVISOR = 1, 0x60


def prune(model):
    attributes = struct.pack("=IIQQQQQ", PERF_TYPE_SOFTWARE, 112, 0, 0, 0, 0, EXCLUDE_KERNEL_AND_HYPERVISOR) + bytes(64)
    target.must_not(lambda: target.kernel("perf_event_open", attributes, 0, -1, -1, 0))
    return model
