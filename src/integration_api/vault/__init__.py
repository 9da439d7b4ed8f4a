"""The vault: provider keys at rest as ciphertext, opened for one request at a time."""
