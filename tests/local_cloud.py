"""The local cloud, and other programs that listen on loopback, as long as a check needs them."""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools"
SECONDS_TO_START = 30


def run(*command, **settings):
    subprocess.run([str(part) for part in command], check=True, cwd=ROOT, **settings)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@contextlib.contextmanager
def started(command, port, **settings):
    """Runs `command` until the end of the block, which begins when something listens on `port`."""
    with subprocess.Popen([str(part) for part in command], cwd=ROOT, **settings) as process:
        try:
            give_up = time.monotonic() + SECONDS_TO_START
            while process.poll() is None and time.monotonic() < give_up:
                with contextlib.suppress(ConnectionRefusedError):
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                time.sleep(0.02)
            else:
                sys.exit(f"{command[0]} does not listen on port {port}")
            yield
        finally:
            process.terminate()


@contextlib.contextmanager
def local_cloud(**settings):
    """The URL of a local cloud with these settings that keeps nothing."""
    port = free_port()
    environment = {**os.environ, "PORT": str(port), "LOCAL_DATA": ":memory:", **settings}
    with (TOOLS / "local.log").open("w") as log, started(
        [ROOT / "target" / "debug" / "local"], port, env=environment, stdout=log, stderr=log
    ):
        yield f"http://127.0.0.1:{port}"


def call(url, body=None, **headers):
    """The JSON that is answered to a GET, or to a POST of `body`."""
    headers = {"Accept": "application/json", "Content-Type": "application/json", **headers}
    request = urllib.request.Request(url, data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=SECONDS_TO_START) as answer:
        return json.loads(answer.read() or "null")
