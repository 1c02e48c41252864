"""HTTP in: the pages, by noun."""

from . import account, factors, files, home, log, machines, moderation, people, posts, signing, status

blueprints = [
    home.pages,
    people.pages,
    posts.pages,
    moderation.pages,
    signing.pages,
    account.pages,
    factors.pages,
    log.pages,
    machines.pages,
    status.pages,
    files.pages,
]
