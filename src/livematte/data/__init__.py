"""Datasets, checks, augmentation, synthesis and prior masks: what a network is trained on."""
