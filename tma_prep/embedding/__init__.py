"""From texts to stored unit vectors."""
