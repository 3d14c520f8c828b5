from dreamos_metrics.compat import *
from dreamos_metrics.compat import __all__ as __all__
