"""From views to the bytes of a scrape, in the format that the reader asked for."""
