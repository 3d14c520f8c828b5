from dreamos_metrics.testing import *
from dreamos_metrics.testing import __all__ as __all__
