import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from chassis.testing.parts import free_port
from deploy.k8s.render import OVERLAYS

from .starting import SECRET
from .world import World, world_of


@pytest.fixture(params=OVERLAYS)
def world(request: pytest.FixtureRequest) -> World:
    return world_of(request.param)


@pytest.fixture
def good(tmp_path):
    """The settings of a production that could start, on files."""
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "FLASK_CONFIG": "production",
        "INTERNAL_SECRET": SECRET,
        "DATABASE_URL": f"sqlite:///{tmp_path}/posts.sqlite",
        "BUS_URL": f"sqlite:///{tmp_path}/bus.sqlite",
        "JWKS_URL": "http://127.0.0.1:9/keys",
        "PORT": str(free_port()),
        "WORKER_PORT": str(free_port()),
    }


@pytest.fixture
def started(tmp_path):
    running = []

    def start(command, environment):
        process = subprocess.Popen(
            shlex.split(command),
            env=environment,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()
