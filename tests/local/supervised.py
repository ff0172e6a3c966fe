"""Run by the tests of the supervisor: two programs, one of which has children that ignore SIGTERM and left its session.

python supervised.py HOME
"""

import sys
import time
from pathlib import Path

from local.guard import StopRequested, guarded
from local.home import Home
from local.service import ServiceFailed
from local.supervisor import Supervisor
from settings import child_environment

POOL = """
import os, signal, time
for _ in range(2):
    if os.fork() == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.fork()
        time.sleep(600)
print("the pool is up", flush=True)
time.sleep(600)
"""
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)


def serve(home: Home, programs: list[str]) -> int:
    supervisor = Supervisor(home.folder)
    try:
        started = [
            supervisor.program(f"program{number}", [sys.executable, "-c", code], child_environment())
            for number, code in enumerate(programs)
        ]
        for program in started:
            supervisor.await_ready(program, lambda program=program: bool(program.log.read_text()))
        time.sleep(0.2)  # the pool's children set their handlers
        home.publish({"programs": [program.process.pid for program in started]})
        supervisor.watch()
    except ServiceFailed as error:
        sys.stderr.write(str(error))
        return 1
    except StopRequested:
        return 0
    finally:
        home.withdraw()
        supervisor.stop()


if __name__ == "__main__":
    with (home := Home(Path(sys.argv[1]))).claimed():
        programs = [POOL, STUBBORN] if "stubborn" in sys.argv else [POOL, POOL]
        sys.exit(guarded(lambda: serve(home, programs), at_end=home.withdraw))
