"""The parts of the `lab` command."""
