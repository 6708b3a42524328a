"""The only composer: each command's work from its options to its artifacts, stage by stage."""
