"""What a push is on the wire: grouping key, headers, request and result."""
