"""`likeness-models`: what an operator makes and tries models with. No server runs any of it."""
