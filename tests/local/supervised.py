"""Run by the tests of the supervisor: two programs, one of which has children that ignore SIGTERM
and left its session.

python supervised.py HOME [stubborn] [mortal] [chatty]
"""

import sys
import time
from pathlib import Path

import local.home
from local.embedded_service import ServiceFailed
from local.home import Home
from local.log_files import LogLimits
from local.log_pump import LogPump
from local.process_guard import StopRequested, guarded
from local.processes import Launcher
from local.supervisor import RestartPolicy, Supervisor
from local.terminal import Terminal
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
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"


MORTAL = "import time; print('up', flush=True); time.sleep(0.3); print('the last words'); raise SystemExit(3)"
CHATTY = """
import itertools, time
for number in itertools.count():
    print(f"line {number} {'.' * 60}", flush=True)
    time.sleep(0.001)
"""
PROGRAMS = {"stubborn": STUBBORN, "mortal": MORTAL, "chatty": CHATTY}
local.home._ENDING_S = 1
POLICY = RestartPolicy(most=3, window_s=20, first_pause_s=0.1)


def serve(home: Home, claim: int, programs: list[str]) -> int:
    terminal = Terminal()
    pump = LogPump(home.folder, terminal, shown=["program1"], limits=LogLimits(20_000, 2))
    pump.start()
    supervisor = Supervisor(Launcher(pump, claim), terminal, POLICY)
    try:
        started = [
            supervisor.program(
                f"program{number}", [sys.executable, "-c", code], child_environment()
            )
            for number, code in enumerate(programs)
        ]
        for program in started:
            supervisor.await_ready(program, lambda program=program: bool(program.log.read_text()))
        time.sleep(0.2)  # the pool's children set their handlers
        home.publish({"programs": [program.process.pid for program in started]})
        terminal.start()
        supervisor.watch()
    except ServiceFailed as error:
        sys.stderr.write(str(error))
        return 1
    except StopRequested:
        return 0
    finally:
        home.withdraw()
        supervisor.stop()
        terminal.close()


if __name__ == "__main__":
    home = Home(Path(sys.argv[1]))
    with home.claimed() as claim:
        other = next((PROGRAMS[each] for each in sys.argv[2:]), POOL)
        sys.exit(guarded(lambda: serve(home, claim, [POOL, other]), at_end=home.withdraw))
