"""Independent oracles: slow, obvious definitions that tests hold hwgen against, with no arithmetic of hwgen's."""
