"""The front: what stands between the network and the routes.

gunicorn's worker reads HTTP. :mod:`connections` limits connections and their time,
:mod:`application` gives pushes whose lines are known and scrapes to the fast path, and everything
else, once its body is whole, to the Flask application in a bounded pool of threads.
"""
