"""Alias of `dreamos_metrics`, by its name in the documents of Dream.OS: the same objects."""

from dreamos_metrics.alias import extend as _extend

_extend(__name__)
