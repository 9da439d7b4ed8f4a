"""Languages that more than one provider speaks, as functions over a small record of differences."""
