"""Training: recipes, losses, the Lightning module and the run."""
