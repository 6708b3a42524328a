"""The frame of every report: one HTML file that loads nothing and runs none but its own script."""

import base64
import hashlib

from tma_prep.report.interval_chart import INTERVAL_CHART_CSS
from tma_prep.report.line_chart import LINE_CHART_CSS
from tma_prep.report.text import shown

_CSS = """
:root {
  color-scheme: light dark;
  --paper: #ffffff; --panel: #f6f7f9; --ink: #1b1f24; --soft-ink: #59636e;
  --rule: #d5dae0; --note: #fff6e0; --note-edge: #b7791f; --shade: #eceef1;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171b; --panel: #1c2026; --ink: #e7eaee; --soft-ink: #a3acb7;
    --rule: #363d46; --note: #2b2413; --note-edge: #d9a441; --shade: #262b32;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
main { max-width: 68rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1rem; font-weight: 600; color: var(--soft-ink); margin: 0 0 .4rem; }
h2 { font-size: 1.2rem; margin: 2.75rem 0 .5rem; }
p { margin: .5rem 0; max-width: 46rem; }
.lead { font-size: clamp(1.3rem, 1rem + 1.6vw, 1.85rem); line-height: 1.3; font-weight: 600;
  max-width: 58rem; }
.rest { font-size: 1.1rem; max-width: 52rem; }
.lead, p { overflow-wrap: anywhere; }
.soft { color: var(--soft-ink); }
.note {
  background: var(--note); border-left: 4px solid var(--note-edge); border-radius: 0 6px 6px 0;
  padding: .7rem 1rem; margin: 1.25rem 0;
}
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .4rem .8rem; border-bottom: 1px solid var(--rule); text-align: right; }
th { font-weight: 600; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
tbody th { white-space: nowrap; }
.verdict { display: inline-block; white-space: nowrap; font-weight: 600; font-size: .9em;
  border: 1.5px solid var(--line); border-radius: 999px; padding: 0 .6em; }
.verdict.none { font-weight: 400; }
.words td, .words th { text-align: left; vertical-align: top; }
.amount { display: block; white-space: nowrap; }
details { margin: 1rem 0; }
summary { cursor: pointer; font-weight: 600; padding: .35rem 0; }
summary:focus-visible, .scroll:focus-visible { outline: 2px solid var(--line-0);
  outline-offset: 2px; }
h3 { font-size: 1rem; margin: 1.5rem 0 .25rem; }
.plain th, .plain td { text-align: left; white-space: normal; overflow-wrap: anywhere; }
.plain th { font-weight: 400; color: var(--soft-ink); }
pre {
  background: var(--panel); border: 1px solid var(--rule); border-radius: 6px; padding: .8rem 1rem;
  white-space: pre-wrap; overflow-wrap: anywhere;
  font: .9rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(210px, 1fr));
  gap: 1.25rem 1rem; }
figure { margin: 0; max-width: 52rem; }
figcaption { font-weight: 600; margin: .75rem 0 .25rem; }
.figures figure { min-width: 0; max-width: none; display: flex; flex-direction: column;
  justify-content: flex-end; }
.figures figcaption { margin-top: 0; font-size: .95rem; line-height: 1.3; overflow-wrap: anywhere; }
.tasks figcaption { font-size: .85rem; font-weight: 400; }
.figures .soft { white-space: nowrap; }
@media (max-width: 600px) { .tasks { grid-template-columns: 1fr 1fr; } }
.few { grid-template-columns: repeat(auto-fit, minmax(min(100%, 270px), 1fr)); }
.pairs { grid-template-columns: repeat(auto-fit, minmax(min(100%, 430px), 1fr)); }
.pairs .chart text { font-size: 16px; }
@media (max-width: 600px) { .pairs .chart text { font-size: 21px; } }
@media print { details > *, details::details-content { display: block; } }
code { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
"""


def page(title: str, body: str, *, style: str = "", script: str = "") -> str:
    """A whole HTML page.

    The policy forbids images, fonts, every request, and every script but the one given, which it
    names by its hash; only the style inside the page applies.

    Args:
        title: Plain text.
        body: HTML, escaped by the caller.
        style: CSS beside that of all reports; constant, for nothing in it is escaped.
        script: JavaScript to run at the end, constant as well; none if empty.
    """
    policy, at_end = "default-src 'none'; style-src 'unsafe-inline'", ""
    if script:
        digest = base64.b64encode(hashlib.sha256(script.encode("utf-8")).digest()).decode("ascii")
        policy += f"; script-src 'sha256-{digest}'"
        at_end = f"<script>{script}</script>\n"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{shown(title)}</title>
<style>{_CSS}{LINE_CHART_CSS}{INTERVAL_CHART_CSS}{style}</style>
</head>
<body>
<main>
{body}
</main>
{at_end}</body>
</html>
"""
