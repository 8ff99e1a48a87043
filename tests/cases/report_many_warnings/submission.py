"""Warnings and log lines, each with markup."""

import logging
import warnings


def prune(model):
    for number in range(500):
        warnings.warn(f"<script>::error::{number}")
        logging.error("\x1b[2J%s", number)
    return model
