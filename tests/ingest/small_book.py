"""Makes a small EPUB book whose spine differs from the order of its files."""

from __future__ import annotations

import io
import zipfile

CONTAINER = """<?xml version="1.0"?><container xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
<rootfiles><rootfile full-path="OEBPS/book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>"""
PACKAGE = """<?xml version="1.0"?><package xmlns="http://www.idpf.org/2007/opf" version="3.0">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>Pump  book</dc:title><dc:date>2031</dc:date></metadata>
<manifest><item id="n" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
<item id="a" href="text/a%20b.xhtml" media-type="application/xhtml+xml"/>
<item id="b" href="text/c.xhtml" media-type="application/xhtml+xml"/>
<item id="i" href="i.png" media-type="image/png"/></manifest>
<spine><itemref idref="n"/><itemref idref="b"/><itemref idref="a"/></spine></package>"""
NAV = """<html xmlns="http://www.w3.org/1999/xhtml"><body><nav><ol><li><a href="text/c.xhtml">Brakes</a></li>
<li><a href="text/a%20b.xhtml#x">part of a chapter</a></li></ol></nav></body></html>"""
MEMBERS = {
    "META-INF/container.xml": CONTAINER,
    "OEBPS/book.opf": PACKAGE,
    "OEBPS/nav.xhtml": NAV,
    "OEBPS/text/a b.xhtml": "<?xml version='1.0'?><html><body><h1>Oil</h1><p>Open the drain plug.</p></body></html>",
    "OEBPS/text/c.xhtml": "<html><body><p>Check the pads.</p><table><tr><th>Pad</th><th>mm</th></tr>"
    "<tr><td>front</td><td>3</td></tr></table></body></html>",
}


def book(**changes):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("mimetype", "application/epub+zip", zipfile.ZIP_STORED)
        for name, text in (MEMBERS | changes).items():
            if text is not None:
                made.writestr(name, text)
    return out.getvalue()
