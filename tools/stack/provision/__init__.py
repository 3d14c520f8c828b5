"""What a machine lacks is put there: engine and Compose from packages, images without a registry, a browser.

Nobody needs this room whose machine has Docker and reaches a registry; `INSTALL=0` closes it.
"""
