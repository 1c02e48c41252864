"""Rows held for a change."""

from chassis.problems import NotFound

from ..models import User, db


def held(id: int) -> User:
    """The account, locked until the end of the transaction and read afresh. Raises `NotFound`.

    Others may refer to it meanwhile (FOR NO KEY UPDATE): signing in does not wait for an edited profile.
    """
    user = db.session.get(User, id, with_for_update={"key_share": True}, populate_existing=True)
    if user is None:
        raise NotFound
    return user
