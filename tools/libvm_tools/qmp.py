"""QEMU's machine protocol, as much of it as takes a picture of the screen."""

import json
import socket
import time
from pathlib import Path


class QmpError(Exception):
    pass


class Qmp:
    """A connection to the socket at `path`; QEMU may still be about to make it."""

    def __init__(self, path: Path, timeout: float = 10.0):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.pending = b""
        deadline = time.monotonic() + timeout
        while True:
            try:
                self.socket.connect(str(path))
                break
            except OSError as error:
                if time.monotonic() > deadline:
                    raise QmpError(f"no connection to QEMU: {error.strerror}") from error
                time.sleep(0.02)
        self.message()  # the greeting
        self.execute("qmp_capabilities")

    def message(self) -> dict:
        while b"\n" not in self.pending:
            try:
                data = self.socket.recv(65536)
            except OSError as error:
                raise QmpError(f"no answer from QEMU: {error}") from error
            if not data:
                raise QmpError("QEMU closed the connection")
            self.pending += data
        line, self.pending = self.pending.split(b"\n", 1)
        return json.loads(line)

    def execute(self, command: str, **arguments):
        request = {"execute": command, **({"arguments": arguments} if arguments else {})}
        self.socket.sendall(json.dumps(request).encode() + b"\n")
        while True:
            answer = self.message()
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise QmpError(answer["error"].get("desc", "unknown error"))
            # anything else is an event

    def picture(self, path: Path) -> None:
        """What the screen shows, as PNG, or as PPM if the name ends so."""
        kind = "ppm" if path.suffix == ".ppm" else "png"
        self.execute("screendump", filename=str(path.absolute()), format=kind)

    def close(self) -> None:
        self.socket.close()
