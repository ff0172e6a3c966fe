"""`pacegraph worker` as the tests start it: settings from the environment, logs as JSON on stderr."""

import logging
import sys

from pythonjsonlogger.json import JsonFormatter

from jobs.worker import main
from settings import load_settings

if __name__ == "__main__":
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter("%(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    sys.exit(main(load_settings(env_file=None)))
