"""Where the embedded services put their Unix sockets."""

import os
import tempfile
from pathlib import Path

# A socket's path holds 103 bytes on macOS and 107 on Linux; ours add at most 14 ("/.s.PGSQL.5432").
LONGEST_FOLDER = 89


def socket_folder(data: Path) -> Path:
    """The data folder, or a new private folder if its path is too long for a socket.

    The caller removes the folder if it is not `data`.
    """
    if len(os.fsencode(data)) <= LONGEST_FOLDER:
        return data
    return Path(tempfile.mkdtemp(prefix="pacegraph-", dir="/tmp"))
