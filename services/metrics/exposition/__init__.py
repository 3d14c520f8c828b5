"""From views to the bytes of a scrape, in the format that the reader asked for.

A view is a list of series with its labels in front (``prefix``) and one value for each series.
``selection`` says which are shown; ``layout`` gives every value of every view a *slot*: its number
among all values, which stays the same for as long as the view keeps its list::

    views          A: a_total, h_bucket, h_count        B: a_total, g
    slots          0        1         2                 3        4
    shown (text)   a_total of A, a_total of B, g of B, h_bucket of A, h_count of A

A scrape as text is a list of pieces, prefix and value in turn, in that last order; only the texts of
values that changed are written anew (``text``, ``lines``, ``number_format``).

A scrape as protocol buffers is one buffer that stays (``protobuf``). Each family has a *region* in it
(``regions``) with a head and one *chunk* for each view, and something to spare at its end, so that a
family can grow without moving the others::

    | head of a_total | chunk of A | chunk of B | spare || head of g | chunk of B | spare || ...
                        ^ bytes made once (``chunks``, ``messages``), with value slots in them:
                          22 1a 0a .. job="x" .. 1a 09 09 [8 bytes: slot 0]

``value_slots`` knows the offset of every slot, and puts the values that changed into the buffer. Who
still reads a scrape has *lent* the buffer; then the next scrape goes on in a copy.
"""
