"""Exports: one file per target, each self-contained and carrying its spec."""
