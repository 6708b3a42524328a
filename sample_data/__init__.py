"""Sample data: a made-up training set, a test set of unseen tasks, and their generator."""
