"""Parts that the public modules share: spans, labels, file and log events."""
