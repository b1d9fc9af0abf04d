"""Independent oracles: slow, obvious definitions that tests hold hwgen against. Nothing here uses hwgen's arithmetic."""
