"""What mkdocs asks while it builds the site (mkdocs.yml names this file): pages that stand elsewhere in the
repository or come from the code, the order of all pages, and links between them.
"""

import re
import sys
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

sys.path.insert(0, str(Path(__file__).parents[2]))  # a hook is loaded by its path

from deploy.docs.drawing import picture
from deploy.docs.house import sizes
from deploy.local.stack import ROOT

SERVICES = ("auth", "posts", "social", "web", "gateway")
ELSEWHERE = {
    "clients/python/README.md": "use/python.md",
    "deploy/k8s/README.md": "run/on-kubernetes-in-detail.md",
    "SECURITY.md": "run/security.md",
    "CONTRIBUTING.md": "change/contributing.md",
    "CODE_OF_CONDUCT.md": "change/conduct.md",
    "tests/contract/README.md": "change/agreements.md",
    "chassis/README.md": "services/chassis.md",
    "chassis/CHANGELOG.md": "services/chassis-changes.md",
    **{f"services/{name}/README.md": f"services/{name}.md" for name in SERVICES},
}
DECISIONS = "decisions/README.md"
SECTIONS = {
    "Use": ["use"],
    "Run": ["run", "runbooks"],
    "Change": ["change", "decisions"],
    "Services": ["services"],
}
LINK = re.compile(r"(?<!!)\[(?P<text>[^\]]+)\]\((?P<to>[^)\s#:]+)(?P<part>#[^)\s]*)?\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """The order of pages: by reader. A page in no folder of theirs is for who runs a blog."""
    pages = {str(path.relative_to(config.docs_dir)) for path in Path(config.docs_dir).rglob("*.md")}
    pages |= {*ELSEWHERE.values(), DECISIONS}
    by_folder = {folder: within(pages, folder) for folders in SECTIONS.values() for folder in folders}
    by_folder["run"] += sorted(
        pages - {"index.md"} - {page for listed in by_folder.values() for page in listed}
    )
    config.nav = ["index.md"]
    for title, (first, *others) in SECTIONS.items():
        config.nav.append(
            {title: [*by_folder[first], *({each.capitalize(): by_folder[each]} for each in others)]}
        )
    return config


def within(pages: set[str], folder: str) -> list[str]:
    return sorted(page for page in pages if page.startswith(f"{folder}/"))


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for source, page in ELSEWHERE.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text()))
    files.append(File.generated(config, DECISIONS, content=decisions()))
    files.append(File.generated(config, "change/house.svg", content=picture()))
    return files


def decisions() -> str:
    """A list of them, by their titles."""
    found = sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))
    titles = ((path.name, path.read_text().splitlines()[0].removeprefix("# ")) for path in found)
    return "\n".join(["# Decisions", "", *(f"- [{title}]({name})" for name, title in titles), ""])


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links in the repository become links in the site; to what is no page there, a file's name."""
    uri = page.file.src_uri
    source = next((source for source, made in ELSEWHERE.items() if made == uri), f"docs/{uri}")
    shown = LINK.sub(
        lambda link: linked(link, PurePosixPath(source).parent, PurePosixPath(uri).parent), markdown
    )
    return shown.replace("<!-- sizes -->", sizes() if "<!-- sizes -->" in shown else "")


def linked(link: re.Match[str], source: PurePosixPath, here: PurePosixPath) -> str:
    """Leaves alone what leads nowhere, so that mkdocs complains about it."""
    target = normpath(str(source / link["to"]))
    page = ELSEWHERE.get(target, target.removeprefix("docs/") if target.startswith("docs/") else "")
    if page and (ROOT / "docs" / page).is_dir():
        page = f"{page}/README.md"
    if page:
        return f"[{link['text']}]({relpath(page, str(here))}{link['part'] or ''})"
    return link["text"] if (ROOT / target).exists() else link[0]
