"""Sealed bytes, for what travels over shared memory, disks and networks that others may read: AES-256-GCM.

The keys of a cluster's nodes are agreed on by X25519, so that no message ever holds a key, and whatever is kept of a
message, in a node's object store, a spilled file or a log, is ciphertext. That keeps out readers. It does not keep out
somebody who may send messages in the cluster's name: Ray lets that person run any code, and has TLS and tokens against it.
"""

from __future__ import annotations

import os
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from grader.errors import GraderError

KEY_BYTES = 32
_NONCE_BYTES = 12  # random: one key is good for 2^32 messages, see NIST SP 800-38D, 8.3


class Seal:
    """Closes and opens messages under one key. Methods may be called from any thread."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    @classmethod
    def of_new_key(cls) -> tuple[Self, bytes]:
        key = AESGCM.generate_key(8 * KEY_BYTES)
        return cls(key), key

    def close(self, content: bytes, about: str) -> bytes:
        """``about`` says what the message is, and must be the same when it is opened. At most 2 GiB."""
        nonce = os.urandom(_NONCE_BYTES)
        try:
            return nonce + bytes(self._cipher.encrypt(nonce, content, about.encode()))
        except OverflowError:
            raise GraderError(f"{len(content)} bytes can't be sent to a node as one, expected less than 2 GiB") from None

    def open(self, sealed: bytes, about: str) -> bytes:
        """Raises GraderError for anything but what was closed under this key as the same."""
        try:
            return bytes(self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], about.encode()))
        except (InvalidTag, ValueError):
            raise GraderError(f"a message between the nodes ({about}) was damaged or is somebody else's") from None


class Handshake:
    """One end of a key agreement: each end shows ``public`` to the other, and both get the same seal."""

    def __init__(self) -> None:
        self._private = X25519PrivateKey.generate()
        self.public = self._private.public_key().public_bytes_raw()

    def agree(self, theirs: bytes) -> Seal:
        shared = self._private.exchange(X25519PublicKey.from_public_bytes(theirs))
        both = b"".join(sorted((self.public, theirs)))
        return Seal(HKDF(hashes.SHA256(), KEY_BYTES, salt=both, info=b"prunegrade cluster").derive(shared))
