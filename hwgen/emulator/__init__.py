"""Runs a Network on whole data sets: rows of codes, samples across lanes, compiled; the reference's codes exactly."""

from hwgen.emulator.emulator import Emulator, EmulatorEngine, emulator

__all__ = ["Emulator", "EmulatorEngine", "emulator"]
