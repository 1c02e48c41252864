"""HTTP in: the pages, by noun."""

from . import account, files, home, machines, moderation, people, posts

blueprints = [
    home.pages,
    people.pages,
    posts.pages,
    moderation.pages,
    account.pages,
    machines.pages,
    files.pages,
]
