"""Alias of `dreamos_metrics` under the name in the documents of Dream.OS: same objects, same modules."""

from dreamos_metrics.alias import extend as _extend

_extend(__name__)
