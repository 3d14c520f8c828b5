"""Delivery, proven: a marked alert through every configured receiver, with what became of each."""
