import pytest

import auth.app
import posts.app
import social.app
from chassis.testing.service import service_doors

CHEAP = {"password_memory": 8, "password_rounds": 1}  # hashing is not what agreements are about

auth = service_doors("auth", auth.app.create_app, auth.app.Settings, **CHEAP)
posts = service_doors("posts", posts.app.create_app, posts.app.Settings)
social = service_doors("social", social.app.create_app, social.app.Settings)


@pytest.fixture
def stack() -> str:
    """What is agreed does not depend on the stack; tests that name a service themselves still run on both."""
    return "embedded"
