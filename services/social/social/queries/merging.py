"""The statements behind a timeline, one for each database; `queries.timeline` runs them.

A page costs about the same whether there are a thousand posts or ten million: nothing is read of posts but
the index entries that are on the page or compete with it. `reach` is where the page ends (offset + size).

1. `authors`: whom the person follows, and the person. Their post counts add up to `total`.
2. `heads`: of these the `reach` with the newest latest post. Nobody else can have a post on the page.
3. `page`: the posts of the heads merged, newest first, and cut. SQLite merges exactly: an ordered recursive
   query is a priority queue; it gives up the newest post and takes in the next older one of the same author.
   PostgreSQL has no such queue. It takes a few posts of each head (`sample`); the `reach`-th newest of these
   is a `bound` that the page cannot fall below; then it takes what each head has above the bound. With about
   √reach posts in the sample of each, both steps together read at most about 2 · reach · √reach + 3 · reach
   index entries, however the posts are spread over the authors. (Where there are `reach` heads, the oldest of
   their latest posts is a first bound, for the sample.)
4. Only then the text of the page's posts is read, with the names as they are now.

A page behind the end costs step 1 only. On PostgreSQL this depends on posts being read by their index, in its
order: see `keep_to_indexes`.
"""

from typing import Any

import sqlalchemy as sa

from chassis.tables import Timestamp

HEADS = """
WITH RECURSIVE authors AS (
  SELECT p.id, p.post_count, p.latest_at, p.latest_id
  FROM follows f JOIN people p ON p.id = f.followed_id
  WHERE f.follower_id = :person AND f.active
  UNION ALL
  SELECT id, post_count, latest_at, latest_id FROM people WHERE id = :person AND NOT removed
), total AS (
  SELECT coalesce(sum(post_count), 0) AS n, max(CASE WHEN id = :person THEN 1 END) AS known FROM authors
), heads AS (
  SELECT id, latest_at, latest_id FROM authors
  WHERE latest_id IS NOT NULL AND :offset < (SELECT n FROM total)
  ORDER BY latest_at DESC, latest_id DESC LIMIT :reach
), """

SQLITE = """merged(author_id, at, id) AS (
  SELECT id, latest_at, latest_id FROM heads
  UNION ALL
  SELECT m.author_id, c.published_at, c.id FROM merged m JOIN cards c ON c.id = (
    SELECT n.id FROM cards n
    WHERE n.author_id = m.author_id AND n.published_at IS NOT NULL AND (n.published_at, n.id) < (m.at, m.id)
    ORDER BY n.published_at DESC, n.id DESC LIMIT 1)
  ORDER BY 2 DESC, 3 DESC LIMIT :size OFFSET :offset
), page AS (
  SELECT id FROM merged
)"""

POSTGRESQL = """sample AS MATERIALIZED (
  SELECT n.published_at FROM heads h, LATERAL (
    SELECT published_at FROM cards
    WHERE author_id = h.id AND published_at IS NOT NULL AND published_at >= (
      SELECT CASE WHEN count(*) < :reach THEN '-infinity' ELSE min(latest_at) END FROM heads)
    ORDER BY published_at DESC, id DESC
    LIMIT (SELECT ceil(sqrt(:reach)) + 2 * :reach / greatest(count(*), 1) FROM heads)) n
), bound AS MATERIALIZED (
  SELECT coalesce(max(published_at), '-infinity') AS at FROM (
    SELECT published_at FROM sample ORDER BY published_at DESC LIMIT 1 OFFSET :reach - 1) s
), page AS (
  SELECT n.id FROM heads h, LATERAL (
    SELECT id, published_at FROM cards
    WHERE author_id = h.id AND published_at IS NOT NULL AND published_at >= (SELECT at FROM bound)
    ORDER BY published_at DESC, id DESC LIMIT :reach) n
  ORDER BY n.published_at DESC, n.id DESC LIMIT :size OFFSET :offset
)"""

SHOWN = """
SELECT t.n AS total, t.known, c.id, c.author_id, c.body, c.body_html, c.published_at, c.comment_count,
  p.username, p.avatar_hash
FROM total t LEFT JOIN page ON true
  LEFT JOIN cards c ON c.id = page.id LEFT JOIN people p ON p.id = c.author_id
ORDER BY c.published_at DESC, c.id DESC"""


def _statement(page: str) -> sa.TextualSelect:
    numbers = [sa.bindparam(name, type_=sa.BigInteger) for name in ("person", "size", "offset", "reach")]
    named = ("total", "known", "id", "author_id", "body", "body_html")
    of_others = ("comment_count", "username", "avatar_hash")
    columns = [*map(sa.column, named), sa.column("published_at", Timestamp), *map(sa.column, of_others)]
    return sa.text(HEADS + page + SHOWN).bindparams(*numbers).columns(*columns)  # habit: constants


def keep_to_indexes(engine: sa.Engine) -> None:
    """Tells PostgreSQL, on each new connection, how these statements are meant.

    To the planner all authors are alike: it may collect all posts of one and sort them, right for the many
    with ten posts, ruinous for the one with a million. While a look by an index costs it what a disk's head
    takes, it reads everybody's row rather than those of thirty. Compiling (jit) takes longer than all that.
    """
    if engine.dialect.name == "postgresql":
        sa.event.listen(engine, "connect", _configure)


def _configure(connection: Any, _: Any) -> None:
    connection.execute("SET enable_bitmapscan = off; SET enable_seqscan = off")
    connection.execute("SET random_page_cost = 1.1; SET jit = off")
    connection.commit()


PAGE_OF = {"sqlite": _statement(SQLITE), "postgresql": _statement(POSTGRESQL)}
