"""Why a row stands where it stands: from rounds, distances and positions to what is told."""
