"""`make command`: a command of one service, as its processes here are told everything."""

import subprocess
import sys

from .stack import SERVICES, Stack, StackError


def main() -> int:
    try:
        stack = Stack.asked_for()
        service = stack.given.get("SERVICE", "")
        if service not in SERVICES:
            raise StackError(f"SERVICE={service} has no commands; those that have: {', '.join(SERVICES)}")
        if not (stack.data / "secrets.env").exists():
            raise StackError(f"there is no blog in DATA={stack.data}")
    except StackError as error:
        print(f"make command: {error}", file=sys.stderr)
        return 1
    command = [sys.executable, "-m", "flask", "--app", f"{service}.app", *sys.argv[1:]]
    return subprocess.run(command, env=stack.environment(service), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
