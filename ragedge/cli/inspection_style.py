"""The style sheet of the page that ``inspect --html`` writes: quiet, one accent for each kind of block."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark;
  --ground: #f5f4f1; --card: #fffefc; --ink: #23262b; --soft: #767b83; --line: #e2dfd8; --shade: #f0eee9;
  --heading: #3f5f94; --paragraph: #b9bcc2; --list: #3f8f86; --table: #7a61a8; --code: #5f6b7a; --caption: #8a8a4a;
  --figure: #b08a5b; --warning: #c0453c; --caution: #cf9220; --note: #5a94c4; }
@media (prefers-color-scheme: dark) { :root {
  --ground: #17191c; --card: #1f2226; --ink: #e3e2de; --soft: #8e939b; --line: #30343a; --shade: #262a2f;
  --heading: #86a5dc; --paragraph: #565b63; --list: #62b5ab; --table: #a890d6; --code: #93a0b0; --caption: #b3b370;
  --figure: #cfa777; --warning: #e0736a; --caution: #e0ae52; --note: #7db1dc; } }
* { box-sizing: border-box; margin: 0; }
html { scroll-behavior: smooth; scroll-padding-top: 1rem; }
body { background: var(--ground); color: var(--ink); font: 15px/1.55 system-ui, "Segoe UI", Roboto, "Noto Sans",
  "Noto Sans CJK JP", sans-serif; padding: 0 clamp(1rem, 3vw, 3rem) 4rem; }
header, main { max-width: 1560px; margin: 0 auto; }
header { padding: 2.6rem 0 1.4rem; border-bottom: 1px solid var(--line); }
.title { display: flex; flex-wrap: wrap; align-items: baseline; gap: .2rem 1.2rem; }
h1 { font-size: 1.55rem; font-weight: 620; letter-spacing: -.01em; overflow-wrap: anywhere; }
.title p, small, .empty { color: var(--soft); font-variant-numeric: tabular-nums; }
.legend { display: flex; flex-wrap: wrap; gap: .35rem 1.2rem; margin-top: 1rem; font-size: .84rem; color: var(--soft); }
.kind { display: inline-flex; align-items: center; gap: .45em; }
.kind i { width: .7em; height: .7em; border-radius: 3px; background: var(--tone); }
.kind b { font-weight: 600; color: var(--ink); }
nav { display: flex; flex-wrap: wrap; gap: 3px; margin-top: 1.1rem; font-size: .75rem; }
nav a { min-width: 2.3em; padding: .1em .35em; text-align: center; border-radius: 4px; color: var(--soft);
  background: var(--shade); text-decoration: none; font-variant-numeric: tabular-nums; }
nav a:hover { color: var(--card); background: var(--heading); }
.missing { margin-top: 1.1rem; padding: .6rem .9rem; border-left: 3px solid var(--caution); background: var(--shade);
  border-radius: 0 6px 6px 0; font-size: .88rem; }
section { padding-top: 2.2rem; }
h2 { font-size: .82rem; font-weight: 600; color: var(--soft); letter-spacing: .04em; margin-bottom: .8rem; }
.columns { display: grid; gap: 1.6rem; align-items: start; }
.beside .columns { grid-template-columns: minmax(0, 5fr) minmax(0, 6fr); }
.alone .columns { max-width: 62rem; }
figure { position: sticky; top: 1rem; }
figure img { display: block; width: 100%; max-height: calc(100vh - 2rem); object-fit: contain; object-position: top;
  background: #fff; border: 1px solid var(--line); border-radius: 6px; }
.read { display: grid; gap: .7rem; }
.chunk { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .65rem .9rem .8rem; }
.stray { border-style: dashed; border-color: var(--warning); }
h3 { display: flex; align-items: baseline; gap: .7em; font-size: .76rem; font-weight: 400; color: var(--soft);
  margin-bottom: .5rem; }
h3 b { font-weight: 650; color: var(--ink); background: var(--shade); border-radius: 4px; padding: 0 .5em;
  font-variant-numeric: tabular-nums; }
h3 .path { flex: 1; min-width: 0; overflow-wrap: anywhere; }
h3 .path span { opacity: .5; }
h3 small { font-size: .95em; white-space: nowrap; opacity: .8; }
.block { border-left: 3px solid var(--tone); padding: .05rem 0 .05rem .75rem; margin-top: .5rem; }
.block p { white-space: pre-wrap; overflow-wrap: anywhere; }
.heading p { font-weight: 630; }
.caption p { font-style: italic; }
.code p { font: .86em/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
.block.warning, .block.caution { background: color-mix(in srgb, var(--tone) 8%, transparent);
  border-radius: 0 5px 5px 0;
  padding: .3rem .75rem; }
table { border-collapse: collapse; font-size: .9em; font-variant-numeric: tabular-nums; }
.block:has(table) { overflow-x: auto; }
th, td { text-align: left; vertical-align: top; padding: .16rem .9rem .16rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 620; }
tr:last-child > * { border-bottom: 0; }
.context { color: var(--soft); margin-left: calc(.75rem + 3px); font-size: .92em; white-space: pre-wrap; }
th.carried { color: var(--soft); font-weight: 400; font-size: .95em; }
.empty { font-style: italic; padding: .4rem 0; }
.heading { --tone: var(--heading); } .paragraph { --tone: var(--paragraph); } .list { --tone: var(--list); }
.table { --tone: var(--table); } .code { --tone: var(--code); } .caption { --tone: var(--caption); }
.figure { --tone: var(--figure); } .warning { --tone: var(--warning); } .caution { --tone: var(--caution); }
.note { --tone: var(--note); }
@media (max-width: 900px) { .beside .columns { grid-template-columns: 1fr; } figure { position: static; } }
@media print { body { padding: 0; } nav { display: none; } figure { position: static; }
  section { break-before: page; } }
"""
