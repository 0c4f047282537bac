"""Exports: one file per target, each self-contained and carrying its spec.

:mod:`.targets` lists the targets, and each is built by the module of its name; :mod:`.exporter`
checks what was built against torch and writes it. Another target is an entry there and a module
with a function ``build``.
"""
