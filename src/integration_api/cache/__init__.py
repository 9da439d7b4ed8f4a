"""What is kept near: ciphertext rows and key digests, for a short time, and never a plaintext."""
