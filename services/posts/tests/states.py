"""Situations with a name, reached through the doors of the service."""

from posts.models import Permission

USER = int(Permission.COMMENT | Permission.WRITE) | 1
MODERATOR = USER | int(Permission.MODERATE)
ADMINISTRATOR = MODERATOR | int(Permission.ADMIN)


def a_post(posts, body="Hello *world*", by="ann"):
    """Somebody has published a post; returns it."""
    return posts.as_(by, USER).post("/api/v1/posts/", json={"body": body}).json


def a_comment(posts, post, body="Well said", by="ben"):
    """Somebody has commented on a post; returns the comment."""
    return posts.as_(by, USER).post(f"/api/v1/posts/{post['id']}/comments/", json={"body": body}).json


def a_person(posts, id, username, version=1, **known):
    """auth has told of a person."""
    told = {"id": id, "username": username, "name": None, "avatar_hash": f"{id:032x}"} | known
    return posts.receive("auth.user_changed.v1", id, version, told)
