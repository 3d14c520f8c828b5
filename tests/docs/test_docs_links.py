"""Every link within the project leads somewhere."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from tests.docs.documents import ROOT, anchors, links, name_of, pages


def test_every_relative_link_leads_to_a_file_and_to_a_heading_in_it() -> None:
    dead = []
    for page in pages():
        for link in links(page):
            address = urlsplit(link)
            if address.scheme or address.netloc:
                continue
            target = (page.parent / unquote(address.path)).resolve() if address.path else page
            if not target.exists():
                dead.append(f"{name_of(page)}: {link}")
            elif address.fragment and address.fragment not in anchors(target):
                dead.append(f"{name_of(page)}: {link} (no such heading)")
    assert [] == dead, "\n".join(dead)


def test_no_link_leads_out_of_the_project() -> None:
    outside = [
        f"{name_of(page)}: {link}"
        for page in pages()
        for link in links(page)
        if not urlsplit(link).scheme
        and not (page.parent / urlsplit(link).path).resolve().is_relative_to(ROOT)
    ]
    assert [] == outside


def test_the_pages_are_found() -> None:
    assert {"README.md", "docs/protocol.md", "docs/runbooks/Watchdog.md"} <= {
        name_of(page) for page in pages()
    }
