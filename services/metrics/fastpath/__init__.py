"""Fast lanes: what arrives most, answered without a request object for each.

A lane does what the route does. Whatever is unusual in any way (another method, another form of a
header, lines not seen before, a refusal) is left to the route, so that there is one place that
judges and answers it.
"""
