"""Ways to run Likeness."""
