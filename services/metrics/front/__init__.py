"""The front: what stands between the network and the routes.

gunicorn's worker reads HTTP. :mod:`connections` limits connections and their time,
``asgi_app`` gives pushes whose lines are known and scrapes to the fast path, and everything
else, once its body is whole, by :mod:`ordinary` to the Flask application in a bounded pool of
threads.
"""
