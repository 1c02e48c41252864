"""The ways to say who one is, and what a service is told of it."""

import base64

import jwt


def basic(user, password=""):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def forwarded(asked):
    """The claims of the token that a service got."""
    scheme, _, token = asked.header("Authorization").partition(" ")
    assert scheme == "Bearer"
    return jwt.decode(token, options={"verify_signature": False})


WAYS = {
    "bearer": lambda person: {"Authorization": f"Bearer {person.token}"},
    "basic with a token": lambda person: {"Authorization": basic(person.token)},
    "basic with a password": lambda person: {"Authorization": basic(person.email, person.password)},
    "cookie": lambda person: {"Cookie": f"a=b; session={person.session}; c=d"},
}
