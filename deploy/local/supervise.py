"""``python -m deploy.local.supervise <root> <instance>``: the background process that watches one instance."""

from __future__ import annotations

import fcntl
import sys
from pathlib import Path

from deploy.local.errors import StackError
from deploy.local.instance import Instance
from deploy.local.parts import stages
from deploy.local.supervisor import Supervisor


def main() -> int:
    instance = Instance(sys.argv[2], Path(sys.argv[1]))
    instance.run.mkdir(parents=True, exist_ok=True)
    # Held as long as this process lives: there is one supervisor for a folder.
    with instance.lock_file.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"another supervisor watches {instance.folder}")
            return 2
        try:
            return Supervisor(instance, stages(instance)).run()
        except StackError as error:
            print(error)
            return 1


if __name__ == "__main__":
    sys.exit(main())
