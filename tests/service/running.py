"""A server in a process of its own, and the lines of its log."""

import json
import socket
import subprocess
import threading
import time


class Running:
    """A server that was started with its standard error as a pipe."""

    def __init__(self, process: subprocess.Popen[str], seconds: float = 20.0) -> None:
        self.process, self.lines = process, []
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()
        self.port = self.wait_for(
            lambda line: line.get("message", "").startswith("listening"), seconds=seconds
        )["port"]
        self.address = f"http://127.0.0.1:{self.port}"

    def wait_for(self, wanted, num=1, seconds=20.0):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if len(found := [line for line in self.lines if wanted(line)]) >= num:
                return found[-1]
            if self.process.poll() is not None and not self.thread.is_alive():
                break
            time.sleep(0.02)
        raise AssertionError(f"not in the log: {self.lines}")

    def num_ready(self, num):
        self.wait_for(lambda line: line.get("message") == "a worker answers", num)

    def raw(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        code = self.process.wait(timeout=15)
        self.thread.join(timeout=5)
        return code

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(json.loads(line) if line.startswith("{") else {"message": line})
