"""Settings of the stack: checked on the host, rendered into the configuration of each component."""
