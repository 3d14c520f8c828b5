"""Spool folder: values that outlive their process, and snapshots that wait."""
