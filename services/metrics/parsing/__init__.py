"""From the bytes of a push to a list of series and their values.

``size`` holds limits against the whole body, ``lexer`` cuts a line, ``text`` reads a body that is
seen for the first time, ``body_template`` one whose lines are known already, ``protobuf`` writes
a body of the Go client as text.
"""
