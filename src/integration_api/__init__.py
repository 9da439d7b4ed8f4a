"""One point of contact between an AI platform and every external AI provider."""

__version__ = "0.1.0"
