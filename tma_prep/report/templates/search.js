(() => {
  const step = 100;
  const box = document.getElementById('search');
  const said = document.getElementById('found');
  const more = document.getElementById('more');
  const rows = [...document.querySelectorAll('.listed tbody tr')];
  const texts = rows.map(row => row.textContent.toLowerCase());
  let most = step;
  const show = () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(word => word);
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
