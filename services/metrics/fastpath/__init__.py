"""The fast path: what arrives most, answered without a request object and a thread for each.

It does what the route does. Whatever is unusual in any way (a refusal, lines not seen before, a
header twice) is left to the route, so that there is one place that judges and answers it.
"""
