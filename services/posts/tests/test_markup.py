"""The sanitiser's golden cases."""

import contextlib
import time

import pytest

from chassis.problems import Invalid
from posts import markup

REL = 'rel="nofollow noopener noreferrer"'


@pytest.mark.parametrize(
    ("body", "html"),
    [
        ("body of the *blog* post", "<p>body of the <em>blog</em> post</p>"),
        ("body *x*", "<p>body <em>x</em></p>"),
        ("# One\n## Two\n### Three", "<h1>One</h1>\n<h2>Two</h2>\n<h3>Three</h3>"),
        ("#### Four", "Four"),
        ("> said", "<blockquote>\n<p>said</p>\n</blockquote>"),
        ("1. a\n2. b", "<ol>\n<li>a</li>\n<li>b</li>\n</ol>"),
        ("- a", "<ul>\n<li>a</li>\n</ul>"),
        ("`x < y`", "<p><code>x &lt; y</code></p>"),
        ("```\n<b>\n```", "<pre><code>&lt;b&gt;\n</code></pre>"),
        ("**a** <abbr title='t' class='c'>b</abbr>", '<p><strong>a</strong> <abbr title="t">b</abbr></p>'),
        ("a <script>alert(1)</script> b", "<p>a  b</p>"),
        ("<style>p {}</style>\n\nb", "<p>b</p>"),
        ("![picture](http://x.example/y.png)", "<p></p>"),
        ("a<br>b <hr> <table><tr><td>c</td></tr></table>", "<p>ab </p> c<p></p>"),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
        ("<a href='javascript:alert(1)'>x</a>", f"<p><a {REL}>x</a></p>"),
        (
            "<a href='http://e.example' target='_blank' onclick='x()'>x</a>",
            f'<p><a href="http://e.example" {REL}>x</a></p>',
        ),
        (
            "see http://e.example/a?b=c now",
            f'<p>see <a href="http://e.example/a?b=c" {REL}>http://e.example/a?b=c</a> now</p>',
        ),
        ("[t](https://e.example 'title')", f'<p><a href="https://e.example" title="title" {REL}>t</a></p>'),
        ("write to ann@example.com", "<p>write to ann@example.com</p>"),
        (
            "<mailto:ann@example.com>",
            f'<p><a href="mailto:ann@example.com" {REL}>mailto:ann@example.com</a></p>',
        ),
        ("<img src=x onerror=alert(1)>", ""),
        ("`http://e.example`", "<p><code>http://e.example</code></p>"),
        ("<b onmouseover=alert(1)>b</b>", "<p><b>b</b></p>"),
        ("<svg><script>x</script></svg>", "<p></p>"),
        ("🦊 שלום", "<p>🦊 שלום</p>"),
        ("&#1;&#xc;\t<b>&#2;</b>", "<p>��\t<b>�</b></p>"),
        ("<div><abbr title='&#1;&#10;'>&#x1f;&#9;x</abbr></div>", '<abbr title="�\n">�\tx</abbr>'),
        ("<a href='&#1;javascript:x'>x</a>", f"<p><a {REL}>x</a></p>"),
        ("<abbr title='<pre><b>'>x</abbr>", '<p><abbr title="&lt;pre&gt;&lt;b&gt;">x</abbr></p>'),
    ],
)
def test_posts(body, html):
    assert markup.post(body) == html


@pytest.mark.parametrize(
    ("body", "html"),
    [
        ("one *line*", "one <em>line</em>"),
        ("a\n\nb", "a\nb"),
        ("# title", "title"),
        ("- item", "item"),
        ("> quote", "quote"),
        ("```\ncode\n```", "<code>code\n</code>"),
        ("see http://e.example", f'see <a href="http://e.example" {REL}>http://e.example</a>'),
        ("<script>x</script>y", "y"),
    ],
)
def test_comments(body, html):
    assert markup.comment(body) == html


UNITS = (
    *("[", "*", "_a_", "> ", "- ", "`", "<b>", "![", "![](", "[[a]", "http://", "a@", "\n#"),
    *("://", "x://a ", "http:// ", "http://a/(", "https://a/{", "a.com/(", "//a.com/("),
    *("[a]: /x 't'\n", "[a]: /x '\n", "[a]: /x\n\n[a] ![a]\n\n"),
)
HALVES = (
    *(("[a]: /x '", title, "'\n\n", use) for title in ('"', "t", "[a]") for use in ("[a] ", "![a] ")),
    *(("[a]: </", address, ">\n\n", use) for address in ('"', "é") for use in ("[a] ", "![a] ")),
    ("x ", "<b>", "", "</i>"),
    ("<div>", "<b>", "", "</i>"),
)


@pytest.mark.no_cover
@pytest.mark.parametrize("unit", UNITS)
def test_the_cost_of_a_text_grows_no_faster_than_its_length(unit):
    """Four times the text may cost about four times as much: a clever one holds nobody up for seconds."""
    whole, quarter = ((unit * size)[:size] for size in (65536, 16384))
    assert cost(whole) < max(9 * cost(quarter), 2)


@pytest.mark.no_cover
@pytest.mark.parametrize(("begin", "first", "then", "second"), HALVES)
@pytest.mark.parametrize("render", [markup.post, markup.comment], ids=["post", "comment"])
def test_what_half_of_a_text_holds_does_not_make_the_other_half_dear(render, begin, first, then, second):
    for size, seconds in ((65536, 1.5), (8192, 0.4)):
        half = size // 2
        assert cost((begin + first * half)[:half] + then + (second * half)[:half], render) < seconds


USUAL = "ordinary words and *some* [links](http://a.example) in a text.\n\n" * 1000
DEAR = (
    ("", "[", 5),
    ("", "![", 5),
    ("", "a.com\n", 20),
    ("", "*a.com*\n", 20),
    ("", "<b>a.com", 20),
    ("> " * 19, "a\n", 2),
    ("> " * 19, "a word\n", 20),
)


@pytest.mark.no_cover
@pytest.mark.parametrize(("begin", "unit", "times"), DEAR)
def test_a_text_costs_no_more_than_some_times_as_much_as_any_other(begin, unit, times):
    """64 kB of prose take a tenth of a second. Of two tries the better: the machine may be busy."""
    body = (begin + unit * 65536)[:65536]
    usual = min(cost(USUAL[:65536]) for _ in range(3))
    assert min(cost(body) for _ in range(2)) < times * usual


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("render", [markup.post, markup.comment], ids=["post", "comment"])
def test_a_text_of_very_many_lines_is_refused(render, ending):
    lines = markup.MOST_LINES
    assert render("a" + ending * lines) in ("a", "<p>a</p>")
    with pytest.raises(Invalid, match="at most 10,000") as refused:
        render("a" + ending * (lines + 1))
    assert refused.value.errors[0]["field"] == "body"


def cost(body, render=markup.post):
    began = time.process_time()
    with contextlib.suppress(Invalid):  # it may become too long
        render(body)
    return time.process_time() - began


@pytest.mark.parametrize(
    ("body", "html"),
    [
        (
            "localhost[http://a.example",
            f'<p>localhost[<a href="http://a.example" {REL}>http://a.example</a></p>',
        ),
        ("http[//a.b://c", f'<p>http[<a href="//a.b" {REL}>//a.b</a>://c</p>'),
        ("localhost[http://|x://ann", f"<p>localhost[<a {REL}>http://|x</a>://ann</p>"),
        (f"http://a.example/{'x' * 2000}", f"<p>http://a.example/{'x' * 2000}</p>"),
        ("one.com\u3000two", f'<p><a href="http://one.com" {REL}>one.com</a>\u3000two</p>'),
        ("h&#116;tp://a.example", "<p>http://a.example</p>"),
    ],
)
def test_addresses_that_are_half_one(body, html):
    assert markup.post(body) == html


@pytest.mark.parametrize(
    ("unit", "html"),
    [
        ("*b.io* ", f'<em><a href="http://b.io" {REL}>b.io</a></em> '),
        ("b.io\n", f'<a href="http://b.io" {REL}>b.io</a>\n'),
        ("\\*//b.io ", "*//b.io "),
        ("[a *b*](/x) ", f'<a href="/x" {REL}>a <em>b</em></a> '),
        ("[c.io *b*](/x) ", f'<a href="/x" {REL}>c.io <em>b</em></a> '),
        ("<a href='/x'>c.io *b*</a> ", f'<a href="/x" {REL}>c.io <em>b</em></a> '),
    ],
)
def test_addresses_in_long_paragraphs_are_those_of_short_ones(unit, html):
    """Looked for in parts, which divide neither a link nor what is escaped."""
    for shift in range(4):
        body, shown = "_x_ " * shift + unit * 200, "<em>x</em> " * shift + html * 200
        assert markup.post(body) == f"<p>{shown.strip()}</p>"


LONG, QUOTES = "A" * 4000, '"' * 4000


@pytest.mark.parametrize(
    ("body", "rest"),
    [
        (f"<a href='http://x/{LONG}'>", "<p>x"),
        (f"[a {'<p>x' * 1000}](http://x/{LONG})", ""),
        (f"x <font x='{LONG}'>\n\n", "- x\n"),
        (f"<div><font/x='{LONG}'>", "<p>x"),
        (f"<div><b 1='{LONG}'>", "<p>x"),
        (f"<b x='{LONG}'><textarea></b></textarea>", "<p>x"),
        (f"<b x='{LONG}'><table><td></b></td></table>", "<p>x"),
        (f"<b x='{LONG}'><!--> </b><!-- -->", "<p>x"),
        (f"<b x='{LONG}'>{'<div>' * 9}</b>", "<p>x"),
        ("<div>" + "".join(f"<b {number}>" for number in range(2000)), "<p>x"),
        (f"<a title='{'😀' * 2000}'>{'<p>x' * 100}", ""),
        ("a.com ", "a.com "),
        ("&", "&"),
        (f"[a]: /x '{LONG}'\n\n", "[a] "),
        (f"[a]: /x '{LONG}'\n\n", "![a] "),
        (f"[a]: /x '{QUOTES}'\n\n", "[a] "),
        (f"[a]: /x '{QUOTES}'\n\n", "![a] "),
        (f"[a]: /{LONG}\n\n", "> [![a]](/y)\n"),
        (f"[b]: /x '{QUOTES}'\n\n[a {'<p>x' * 1000}][b]", ""),
    ],
    ids=range(19),
)
@pytest.mark.no_cover
@pytest.mark.parametrize("render", [markup.post, markup.comment], ids=["post", "comment"])
def test_no_text_becomes_many_times_as_long(render, body, rest):
    """64 kB can become hundreds of megabytes: the open elements begin again in every block."""
    with pytest.raises(Invalid) as refused:
        render((body + rest * 65536)[:65536])
    assert refused.value.errors[0]["field"] == "body"


@pytest.mark.parametrize(
    "body",
    [
        "<div><p>A <b>bold</b> <a href='http://e.example/x'>link</a></p><ul><li><i>a</i></li></ul></div>\n"
        * 600,
        "a [link](http://e.example/aaaaaaaaaaaaaaaaaaaaaaaaaa) **bold *and* `code`**\n\n" * 800,
        "<b>\n\n" + "I <3 you\n\n" * 500 + "</b>",
        "<table><tr><td><b>a</b><td><a href='http://e.example'>b</a></table>\n\n" * 3,
    ],
    ids=["pasted", "Markdown", "one element", "tables"],
)
def test_long_texts_of_good_will_are_shown(body):
    assert len(body) < len(markup.post(body)) + 10_000
