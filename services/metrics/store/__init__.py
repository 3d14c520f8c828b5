"""What the service remembers: groups, their processes, totals that outlive them."""
