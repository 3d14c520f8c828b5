from dreamos_metrics.middleware import *
from dreamos_metrics.middleware import __all__ as __all__
