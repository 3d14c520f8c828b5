"""`make up` and its relatives: bring the whole stack up, down, and say how it is.

Only the standard library is imported here, because these commands run before anything is installed.
The order of the files is the order of the work: `preflight` (settings, ports), `engine` (Docker, Compose), `images`,
`credentials`, `compose`, `readiness`.
"""
