from dreamos_metrics.logs import *
from dreamos_metrics.logs import __all__ as __all__
