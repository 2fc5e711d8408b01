"""The whole of Likeness on one machine, as processes on loopback."""
