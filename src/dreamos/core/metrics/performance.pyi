from dreamos_metrics.performance import *
from dreamos_metrics.performance import __all__ as __all__
