"""The checks of `make lint` are known to fire: each rule on the habit it is for, and not on the right way."""

import pytest

from deploy.checks import habits, migrations
from deploy.checks.__main__ import found

BAD = {
    "SQL put together": [
        "db.execute(f'SELECT * FROM t WHERE name = {name}')",
        "sa.text('SELECT * FROM t WHERE name = ' + name)",
        "sa.text('SELECT * FROM t WHERE name = %s' % name)",
        "connection.exec_driver_sql('SELECT {}'.format(name))",
        "sa.text(START + name + END)",
    ],
    "Markup": ["Markup(text)", "markupsafe.Markup(f'<b>{text}</b>')"],
    "a template from a string": ["render_template_string(text)"],
    "certificate": ["requests.get(url, verify=False)", "Context(check_hostname=False)"],
    "token whose signature": ["jwt.decode(token, options={'verify_signature': False})"],
    "runs code when it is read": ["import pickle", "from pickle import loads", "import marshal, os"],
    "YAML": ["yaml.load(text)", "yaml.load(text, Loader=yaml.Loader)", "yaml.unsafe_load(text)"],
    "code from a string": ["eval(text)", "exec(text)"],
    "shell": ["subprocess.run(line, shell=True)"],
    "without the broker's confirm": ["channel.basic_publish(exchange, key, body, mandatory=True)"],
    "lost silently": ["channel.confirm_delivery()\nchannel.basic_publish(exchange, key, body)"],
    "acknowledged before": [
        "channel.basic_consume(queue, take, auto_ack=True)",
        "def take(channel, method):\n    channel.basic_ack(method.delivery_tag)\n    db.session.commit()",
    ],
    "without its reason": ["password = 'x'  # noqa: S105", "run(x)  # nosec B603", "run(x)  # nosec"],
}
GOOD = [
    "db.execute(sa.text('SELECT * FROM t WHERE name = :name'), {'name': name})",
    "sa.text(f'NOTIFY {CHANNEL}')",
    "Markup('<b>{}</b>').format(text)",
    "yaml.safe_load(text)\nyaml.load(text, Loader=yaml.SafeLoader)",
    "channel.confirm_delivery()\nchannel.basic_publish(exchange, key, body, mandatory=True)",
    "def take(channel, method, body):\n    db.session.commit()\n    channel.basic_ack(method.delivery_tag)",
    "password = '-'  # noqa: S105 - not a password",
    "sa.text(f'SELECT {name}')  # habit: the name is one of ours",
]
TEMPLATES = [
    "{{ body|safe }}",
    "{{ body | safe }}",
    "{% autoescape false %}",
    "<script>alert(1)</script>",
    '<p onclick="go()">',
]


@pytest.mark.parametrize(
    ("said", "source"), [(said, source) for said, sources in BAD.items() for source in sources]
)
def test_a_habit_we_do_not_have_is_found(said, source):
    [finding] = habits.findings(source)
    assert said in finding.said


@pytest.mark.parametrize("source", GOOD)
def test_the_right_way_is_not(source):
    assert habits.findings(source) == []


@pytest.mark.parametrize("source", TEMPLATES)
def test_a_template_that_lets_text_through_as_markup_is_found(source):
    assert len(habits.template_findings(source)) == 1


def upgrade(*lines):
    return migrations.findings("def upgrade():\n" + "\n".join(f"    {line}" for line in lines))


@pytest.mark.parametrize(
    "line",
    [
        "op.drop_column('posts', 'body')",
        "op.drop_table('posts')",
        "op.rename_table('posts', 'articles')",
        "op.create_index('ix', 'posts', ['body'])",
        "op.create_unique_constraint('uq', 'posts', ['body'])",
        "op.create_foreign_key('fk', 'posts', 'people', ['author'], ['id'])",
        "op.create_check_constraint('ck', 'posts', 'id > 0')",
        "op.alter_column('posts', 'body', nullable=False)",
        "op.alter_column('posts', 'body', type_=sa.Text())",
        "op.alter_column('posts', 'body', new_column_name='text')",
        "op.add_column('posts', sa.Column('n', sa.Integer(), nullable=False))",
        "op.execute('ALTER TABLE posts ADD COLUMN n int')",
    ],
)
def test_a_migration_that_blocks_or_breaks_is_found(line):
    assert len(upgrade(line)) == 1
    assert upgrade(f"{line}  # blocks: the table is empty") == []


def test_in_a_batch_the_table_is_the_one_of_the_batch():
    batch = ["with op.batch_alter_table('posts') as batch:", "    batch.create_index('ix', ['body'])"]
    assert len(upgrade(*batch)) == 1
    assert upgrade("op.create_table('posts', sa.Column('id', sa.Integer()))", *batch) == []


@pytest.mark.parametrize(
    "line",
    [
        "op.add_column('posts', sa.Column('n', sa.Integer()))",
        "op.add_column('posts', sa.Column('n', sa.Integer(), nullable=False, server_default='0'))",
        "op.create_index('ix', 'posts', ['body'], postgresql_concurrently=True)",
        "op.execute('UPDATE posts SET n = 0 WHERE id < 1000')",
    ],
)
def test_a_migration_that_old_code_survives_is_not(line):
    assert upgrade(line) == []


def test_nothing_is_found_in_this_repository():
    assert list(found()) == []
