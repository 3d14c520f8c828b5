from dreamos_metrics.agents import *
from dreamos_metrics.agents import __all__ as __all__
