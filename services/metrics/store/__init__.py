"""Memory of the service: groups, their processes, totals that outlive them."""
