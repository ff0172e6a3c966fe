"""`pacegraph worker` as the tests start it: settings from the environment alone."""

import sys

import logs
from jobs.worker import main
from settings import load_settings

if __name__ == "__main__":
    settings = load_settings(env_file=None)
    logs.set_up(settings, "worker")
    sys.exit(main(settings))
