"""Ids as callers write them: snowflakes of 63 bits, in decimal digits."""

LARGEST_ID = (1 << 63) - 1
_LONGEST = len(str(LARGEST_ID))


def read_id(text: str) -> int | None:
    """Return an id, or None for what is none, which names nothing."""
    if not text.isascii() or not text.isdigit() or len(text) > _LONGEST:
        return None
    id = int(text)
    return id if id <= LARGEST_ID else None
