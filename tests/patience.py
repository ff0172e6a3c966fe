"""How long tests wait for what must happen.

A wait ends as soon as its condition holds, so patience costs nothing where the code is right, and a
busy machine needs it. Whether something happens soon is shown by what happened meanwhile or, where
only a clock can tell, by a bound far below the time that it would take otherwise.
"""

PATIENCE_S = 60.0
