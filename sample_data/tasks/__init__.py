"""Task families of the sample data: one small function for each kind of row."""
