"""A table of rows with a search box, and the script that searches it.

Without the script the whole table stands there. With it, rows that hold every word typed are
shown, a hundred at a time. Everything is reached by the keyboard: `/` goes to the box, Escape
empties it, Tab goes on to the texts, which open with Enter.
"""

from collections.abc import Sequence

from tma_prep.report.overview import ListedRow
from tma_prep.report.text import number, shown

_START, _PROMPT, _RESPONSE = 110, 420, 160

SEARCH_CSS = """
.search { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; margin: 1rem 0; }
.search input { font: inherit; color: var(--ink); background: var(--paper); min-width: 0;
  flex: 1 1 14rem; max-width: 30rem; padding: .4rem .6rem; border: 1px solid var(--soft-ink);
  border-radius: 6px; }
.search input:focus-visible, .more:focus-visible { outline: 2px solid var(--line-0);
  outline-offset: 2px; }
.more { font: inherit; color: var(--ink); background: var(--panel); padding: .4rem .9rem;
  border: 1px solid var(--soft-ink); border-radius: 6px; cursor: pointer; margin: .75rem 0; }
.listed td, .listed th { vertical-align: top; }
.listed .words { text-align: left; min-width: 18rem; max-width: 40rem; overflow-wrap: anywhere; }
.listed .name { text-align: left; min-width: 9rem; max-width: 14rem; overflow-wrap: anywhere; }
.listed .kind { text-align: left; white-space: nowrap; }
.listed details { margin: 0; }
.listed summary { font-weight: 400; padding: 0; }
.listed p { white-space: pre-wrap; overflow-wrap: anywhere; }
.listed [hidden], .more[hidden], .search[hidden] { display: none; }
"""
"""Style of `search_table`; the page defines the colours."""

SEARCH_SCRIPT = """
(() => {
  const step = 100;
  const box = document.getElementById('search');
  const said = document.getElementById('found');
  const more = document.getElementById('more');
  const rows = [...document.querySelectorAll('.listed tbody tr')];
  const texts = rows.map(row => row.textContent.toLowerCase());
  let most = step;
  const show = () => {
    const words = box.value.toLowerCase().split(/\\s+/).filter(word => word);
    let found = 0;
    rows.forEach((row, place) => {
      const fits = words.every(word => texts[place].includes(word));
      row.hidden = !(fits && found < most);
      found += fits;
    });
    const visible = Math.min(found, most);
    said.textContent = `${visible} shown of ${found} found among ${rows.length} rows`;
    more.hidden = found <= most;
  };
  box.addEventListener('input', () => { most = step; show(); });
  box.addEventListener('keydown', event => {
    if (event.key === 'Escape') { box.value = ''; most = step; show(); }
  });
  document.addEventListener('keydown', event => {
    if (event.key === '/' && event.target !== box) { event.preventDefault(); box.focus(); }
  });
  more.addEventListener('click', () => {
    const first = rows.filter(row => !row.hidden).length;
    most += step;
    show();
    const opens = rows.filter(row => !row.hidden)[first].querySelector('summary');
    if (opens) { opens.focus(); }
  });
  document.querySelector('.search').hidden = false;
  show();
})();
"""


def search_table(rows: Sequence[ListedRow]) -> str:
    """The box and the table.

    Args:
        rows: By position.
    """
    heads = {
        **{name: "" for name in ("Position", "Row", "Round", "Similarity")},
        **{"Task": "name", "Nearest test": "name", "Leak": "kind", "Text": "words"},
    }
    head = "".join(f'<th scope="col" class="{kind}">{name}</th>' for name, kind in heads.items())
    body = "\n".join(_row(row) for row in rows)
    return (
        '<div class="search" hidden><label for="search">Search rows</label>'
        '<input id="search" type="search" autocomplete="off" spellcheck="false">'
        '<span id="found" class="soft" role="status"></span></div>'
        '<div class="scroll" role="region" aria-label="Rows of the order" tabindex="0">'
        f'<table class="listed"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
        '<button id="more" class="more" type="button" hidden>Show 100 more</button>'
    )


def _row(row: ListedRow) -> str:
    cells = [
        f"<td>{row.tma_row:,}</td>",
        f"<td>{'' if row.round is None else f'{row.round:,}'}</td>",
        f"<td>{number(row.similarity)}</td>",
        f'<td class="name" dir="auto">{shown(row.task or "")}</td>',
        f'<td class="name" dir="auto">{shown(row.target)}</td>',
        f'<td class="kind">{shown(row.leak or "")}</td>',
        f'<td class="words" dir="auto">{_text(row)}</td>',
    ]
    return f'<tr><th scope="row">{row.position:,}</th>{"".join(cells)}</tr>'


def _text(row: ListedRow) -> str:
    if row.problem is not None:
        return f'<span class="soft">not shown: {shown(row.problem)}</span>'
    start = " ".join(row.prompt[:_START].split())
    rest = _cut(row.prompt[_START:], _PROMPT - _START)
    return (
        f"<details><summary>{shown(start)}{'…' if rest else ''}</summary>"
        f"{f'<p>…{shown(rest)}</p>' if rest else ''}"
        f"<p>→ {shown(_cut(row.response, _RESPONSE))}</p></details>"
    )


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}…"
