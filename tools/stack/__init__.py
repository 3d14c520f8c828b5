"""`make up` and its relatives: bring the whole stack up, down, and say how it is.

Only the standard library is imported here, because these commands run before anything is installed.
The order of the files is the order of the work: `engine` (Docker, Compose), `envfile` and `preflight`
(settings, ports), `lock` and `ownership`, `images`, `credentials`, `acceptance`, `compose`, `readiness`,
`reloading`, `report`. `provision/` puts there what a machine lacks.
"""
