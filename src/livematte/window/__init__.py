"""A window on a live source: its picture, its keys, its sliders."""
