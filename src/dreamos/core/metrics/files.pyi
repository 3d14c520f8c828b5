from dreamos_metrics.files import *
from dreamos_metrics.files import __all__ as __all__
