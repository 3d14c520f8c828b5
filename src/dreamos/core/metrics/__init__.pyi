# The names for type checkers; at run time the package fills itself (see __init__.py).
from dreamos_metrics import *
from dreamos_metrics import __all__ as __all__
