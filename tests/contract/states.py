"""The sentences of the agreements, each brought about through the provider's own doors."""

from collections.abc import Callable

from chassis.testing.service import Doors
from services.auth.tests import states as auth
from services.posts.tests import states as posts
from services.social.tests import states as social

State = Callable[[Doors], object]
ANN, PASSWORD = "ann", "correct horse 7"


def published(doors: Doors) -> dict:
    return posts.a_post(doors)


def edited(doors: Doors) -> None:
    post = published(doors)
    doors.as_(ANN, posts.USER).put(f"/api/v1/posts/{post['id']}", json={"body": "Hello again"})


def removed(doors: Doors) -> None:
    post = published(doors)
    doors.as_(ANN, posts.USER).delete(f"/api/v1/posts/{post['id']}")


def commented(doors: Doors) -> dict:
    return posts.a_comment(doors, published(doors))


def disabled(doors: Doors) -> None:
    doors.as_("mod", posts.MODERATOR).put(f"/api/v1/comments/{commented(doors)['id']}/disabled")


def uncommented(doors: Doors) -> None:
    doors.as_("ben", posts.USER).delete(f"/api/v1/comments/{commented(doors)['id']}")


def followed(doors: Doors) -> None:
    social.a_person(doors, social.JOHN)
    social.a_person(doors, social.SUSAN)
    assert social.follow(doors, social.JOHN, social.SUSAN).status_code < 300


def unfollowed(doors: Doors) -> None:
    followed(doors)
    assert social.as_(doors, social.JOHN).delete(f"/api/v1/users/{social.SUSAN}/follow").status_code < 300


def forgotten(doors: Doors) -> None:
    """auth has said that the account is gone, and the worker has done what it does then."""
    doors.receive("auth.user_removed.v1", "1", 9, {"id": 1})
    doors.job("forget people")


STATES: dict[tuple[str, str], State] = {
    ("posts", "ann has published a post"): published,
    ("posts", "ann has edited her post"): edited,
    ("posts", "ann has removed her post"): removed,
    ("posts", "ben has commented on ann's post"): commented,
    ("posts", "a moderator has disabled ben's comment"): disabled,
    ("posts", "ben has removed his comment"): uncommented,
    ("posts", "ann's account is gone"): forgotten,
    ("social", "ann's account is gone"): forgotten,
    ("auth", "ann has removed her account"): lambda doors: auth.removed(doors, ANN, PASSWORD),
    ("auth", "ann has registered"): lambda doors: auth.registered(doors, ANN, PASSWORD),
    ("auth", "ann has set her name"): lambda doors: auth.named(doors, ANN, PASSWORD),
    ("auth", "ann is confirmed and her password is 'correct horse 7'"): lambda doors: auth.confirmed(
        doors, ANN, PASSWORD
    ),
    ("auth", "ann has been made a moderator and has ended a session"): lambda doors: auth.changed(
        doors, ANN, PASSWORD
    ),
    ("auth", "auth has a signing key"): auth.of,
    ("social", "john has followed susan"): followed,
    ("social", "john has unfollowed susan"): unfollowed,
}
