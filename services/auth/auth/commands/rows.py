"""Rows held for a change."""

from chassis.problems import NotFound

from ..models import User, db


def held(id: int) -> User:
    """The account, locked until the end of the transaction and read afresh. Raises `NotFound`, for a removed
    one too.

    Others may refer to it meanwhile (FOR NO KEY UPDATE).
    """
    user = db.session.get(User, id, with_for_update={"key_share": True}, populate_existing=True)
    if user is None or user.removed_at is not None:
        raise NotFound
    return user
