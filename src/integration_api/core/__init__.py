"""The vocabulary: frozen types that every floor above speaks. Nothing here does I/O."""
