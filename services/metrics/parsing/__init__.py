"""From the bytes of a push to a list of series and their values.

``url`` reads the grouping key, ``grammar`` one line, ``text`` a whole body that is seen for the
first time, ``wire`` a body whose lines are known already.
"""
