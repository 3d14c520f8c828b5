"""The six counters of file operations by the names of the seed's document."""

from __future__ import annotations

FILE_COUNTERS = {
    "file_writes": "file_ops_write_total",
    "file_write_errors": "file_ops_write_errors_total",
    "file_reads": "file_ops_read_total",
    "file_read_errors": "file_ops_read_errors_total",
    "directory_ops": "file_ops_directory_total",
    "total_bytes": "file_ops_bytes_total",
}
"""Each with the metric that it is the sum of."""
