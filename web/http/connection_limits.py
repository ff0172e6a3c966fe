"""Limits of a single HTTP connection. Those of its address are in `web/http/address_bounds.py`.

`web/http/bounded_protocol.py` holds them.
"""

MAX_HEAD_BYTES = 128 * 1024
"""Bytes of a request's target and header fields."""
MAX_TARGET_BYTES = 64 * 1024 - 1
"""The parser can split no longer URL."""
MAX_HEADERS = 200
MAX_PARTS = 1000
"""Commas and semicolons of a head's fields, such as cookies: some code reads them one by one."""
MAX_HEAD_S = 10.0
MAX_FRAMING_BYTES = 16 * 1024
"""Bytes of a body's chunk sizes, extensions and trailers until the next byte of its content."""
MAX_TRAILERS = 32
LINGER_S = 10.0
LINGER_BYTES = 16 * 1024 * 1024
"""How long, and for how many bytes, the rest of a body is dropped after the last answer."""
MAX_PIPELINED = 8
"""Requests of a connection that wait while another is answered. More stay unread."""
