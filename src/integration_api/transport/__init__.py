"""Outbound HTTP: the egress guard, pools, signing, retries and time. Nothing else opens a socket to a provider."""
