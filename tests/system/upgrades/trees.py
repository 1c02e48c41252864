"""Other releases of this tree: the next one of a service, made up here."""

import shutil
from pathlib import Path

from deploy.local.stack import ROOT

LEFT_OUT = shutil.ignore_patterns("tests", "contract", "static", "__pycache__")
GROWS = '''"""Posts get a mood."""

import sqlalchemy as sa
from alembic import op

revision = "9001"
down_revision = "{newest}"


def upgrade() -> None:
    op.add_column("posts", sa.Column("mood", sa.String(20)))
'''
# So slow that it can be killed in the middle.
FILLS = '''"""The posts that are there have one."""

import time

import sqlalchemy as sa
from alembic import op

revision = "9002"
down_revision = "9001"
BATCH = sa.text(
    "UPDATE posts SET mood = 'mild' WHERE id IN (SELECT id FROM posts WHERE mood IS NULL ORDER BY id LIMIT 5)"
)


def upgrade() -> None:
    with op.get_context().autocommit_block():
        while op.get_bind().execute(BATCH).rowcount:
            time.sleep(0.2)
'''


def next_posts(folder: Path) -> Path:
    """A release of posts with two migrations more; the rest is as it is in this tree."""
    for name in ("chassis", "services"):
        shutil.copytree(ROOT / name, folder / name, ignore=LEFT_OUT)
    shutil.copy(ROOT / "Procfile", folder)
    versions = folder / "services/posts/migrations/versions"
    newest = max(path.name for path in versions.glob("[0-9]*.py")).split("_")[0]
    (versions / "9001_moods.py").write_text(GROWS.format(newest=newest))
    (versions / "9002_moods_of_all.py").write_text(FILLS)
    return folder
