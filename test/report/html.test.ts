import assert from 'node:assert/strict';
import test from 'node:test';
import { renderReportHtml } from '../../src/report/html.ts';
import type { RunReport } from '../../src/report/report.ts';
import { bodyText, parsePage } from './page.ts';
import { deltaReport, emptyReport, hugeReport, interruptedReport, sampleReport } from './sample.ts';

const REPORTS: Record<string, () => RunReport> = {
  'a full run': sampleReport,
  'a run that failed before the plan': emptyReport,
  'a run without a collection': () => emptyReport({ status: 'succeeded', error: null }),
  'a run that stopped amid the shards': interruptedReport,
  'many shards': () => hugeReport(3, 50),
  'a delta pass': () => deltaReport(true),
};

for (const [name, build] of Object.entries(REPORTS)) {
  test(`${name}: the page is well-formed and names nothing twice`, () => {
    const elements = parsePage(renderReportHtml(build()));
    const ids = elements.flatMap(({ attributes }) => attributes.get('id') ?? []);
    assert.equal(new Set(ids).size, ids.length, 'an id is there twice');
    const named = elements.flatMap(({ attributes }) => attributes.get('aria-labelledby')?.split(' ') ?? []);
    assert.deepEqual(
      named.filter((id) => !ids.includes(id)),
      [],
    );
  });

  test(`${name}: what is not known is said in words`, () => {
    assert.doesNotMatch(
      renderReportHtml(build()),
      /NaN|undefined|Infinity|Invalid Date|\bnull\b|object Object/,
    );
  });

  test(`${name}: the page needs no script and no other address`, () => {
    const elements = parsePage(renderReportHtml(build()));
    for (const { name: element, attributes, text } of elements) {
      assert.ok(!['script', 'link', 'img', 'iframe', 'object', 'image', 'use'].includes(element), element);
      assert.ok(attributes.get('href')?.startsWith('#') ?? true, 'a link out of the page');
      assert.ok(!attributes.has('src'));
      if (element === 'style') assert.doesNotMatch(text, /url\(|@import/);
    }
  });

  test(`${name}: a screen reader finds landmarks, headings in order, captions and plots in words`, () => {
    const elements = parsePage(renderReportHtml(build()));
    const names = elements.map((element) => element.name);
    for (const landmark of ['header', 'main', 'footer', 'h1'])
      assert.equal(names.filter((element) => element === landmark).length, 1, landmark);
    let level = 0;
    for (const element of names.filter((element) => /^h[1-6]$/.test(element))) {
      assert.ok(Number(element[1]) <= level + 1, `${element} after h${level}`);
      level = Number(element[1]);
    }
    const number = (element: string) => names.filter((other) => other === element).length;
    assert.equal(number('caption'), number('table'));
    for (const { name: element, attributes } of elements)
      if (element === 'th') assert.ok(attributes.has('scope'));
    const plots = elements.filter(({ attributes }) => attributes.get('role') === 'img');
    assert.equal(plots.length, 2 * number('figure'), 'each plot is drawn for a desk and for a phone');
    assert.equal(number('desc'), plots.length);
    assert.ok(number('table') >= number('figure'), 'each plot has its table');
  });
}

test('nothing from outside becomes markup, in whatever field it stands', () => {
  const hostile = `"'><script>alert(1)</script><img src=x onerror=y>&lt;`;
  const harmless = 'x'.repeat(hostile.length);
  const fields = [
    'run',
    'message',
    'name',
    'state',
    'collection',
    'schema',
    'id',
    'detail',
    'ddl',
    'index',
    'error',
  ];
  fields.push(
    'reason',
    'store',
    'version',
    'postgresVersion',
    'pgvectorVersion',
    'oldValue',
    'newValue',
    'unit',
  );
  fields.push('source', 'target', 'model');
  const replaced = (text: string) => {
    const report = interruptedReport();
    const whole = { ...sampleReport(), status: report.status, error: report.error, warnings: [hostile] };
    whole.collections[0]!.verification!.mismatches.push(hostile);
    whole.collections[0]!.verification!.differing.missing.push(hostile);
    whole.indexBuilds[0]!.error = hostile;
    return JSON.parse(JSON.stringify(whole), (key, value: unknown) =>
      typeof value === 'string' && (fields.includes(key) || value === hostile) ? text : value,
    ) as RunReport;
  };
  const structure = (report: RunReport) =>
    parsePage(renderReportHtml(report)).map(
      ({ name, attributes }) => `${name} ${[...attributes.keys()].join(' ')}`,
    );
  assert.deepEqual(structure(replaced(hostile)), structure(replaced(harmless)));
  assert.ok(bodyText(renderReportHtml(replaced(hostile))).includes(hostile), 'and it can still be read');
});

test('characters that HTML cannot hold, or that turn text around, are shown and not passed on', () => {
  const report = sampleReport();
  report.rejects[0]!.id = 'a\u0000b\u202ec\ud800d\u001be';
  const page = renderReportHtml(report);
  for (const character of ['\u0000', '\u001b', '\u202e']) assert.ok(!page.includes(character));
  assert.ok(page.isWellFormed());
  assert.ok(bodyText(page).includes('a␀b�c�d␛e'));
});

test('the headline says how many records arrived, and how many of how many if some were set aside', () => {
  const report = sampleReport();
  assert.match(
    bodyText(renderReportHtml(report)),
    /319,667 of 319,670 records arrived and can be searched; 3 were set aside\./,
  );
  const { collections } = report;
  const whole = { ...report, collections: [collections[0]!, collections[2]!], rejected: 0, rejects: [] };
  assert.match(
    bodyText(renderReportHtml(whole)),
    /Succeeded.*All 223,420 records arrived and can be searched\./,
  );
});

test('a checksum that differs is said in words, and the page claims no more than it shows', () => {
  const report = sampleReport();
  report.collections[0]!.checksum.target = '17';
  const text = bodyText(renderReportHtml(report));
  assert.match(text, /1 collection that differ/);
  assert.match(text, /support-tickets.{0,200}Not equal/);
  assert.doesNotMatch(text, /\d of 319,670 records arrived and can be searched/);
});

test('records that nobody accounts for are a difference, though the checksums are the same', () => {
  const report = sampleReport();
  report.collections[2]!.loaded -= 1;
  assert.match(bodyText(renderReportHtml(report)), /Not equal/);
});

test('a failed run says what failed, that nothing is published and how it goes on', () => {
  const text = bodyText(renderReportHtml(interruptedReport()));
  assert.match(text, /Failed.*The migration failed, and nothing was published\./);
  assert.match(text, /no room left on its disk.*TargetFull in state ImportShard/);
  assert.match(text, /migrate --source … --target … --store … --run nightly/);
  assert.doesNotMatch(text, /rollback --target/, 'there is nothing to roll back');
});

test('a run that failed after it had published does not say that nothing was', () => {
  const report = sampleReport({
    status: 'failed',
    error: { name: 'TargetUnavailable', message: 'Gone.', state: 'RecommendParameters' },
  });
  const text = bodyText(renderReportHtml(report));
  assert.match(text, /The migration failed after 3 collections had been published\./);
  assert.match(text, /rollback --target … --collection support-tickets/);
});

test('a command to copy is one shell word a value, whatever the collection is called', () => {
  const report = sampleReport();
  report.collections[0]!.plan.collection = "it's; rm -rf ~";
  assert.ok(bodyText(renderReportHtml(report)).includes(`--collection 'it'\\''s; rm -rf ~'`));
});

test('the first 1,000 rejects are listed beside the total', () => {
  const report = sampleReport();
  const reject = report.rejects[0]!;
  report.rejects = Array.from({ length: 1000 }, (_, index) => ({ ...reject, id: `record ${index}` }));
  report.rejected = 123_456;
  const text = bodyText(renderReportHtml(report));
  assert.match(text, /123,456 records, the first 1,000 of them here/);
  assert.ok(text.includes('record 0') && text.includes('record 999'));
});

for (const [name, collections, shardsEach] of [
  ['10,000 shards', 10, 1000],
  ['10,000 collections', 10_000, 1],
] as const)
  test(`${name} make a page of less than 2 MB within a second of work`, () => {
    const report = hugeReport(collections, shardsEach);
    const before = process.cpuUsage();
    const page = renderReportHtml(report);
    const { user, system } = process.cpuUsage(before);
    assert.ok(page.length < 2e6, `${page.length} bytes`);
    assert.ok(user + system < 1e6, `${(user + system) / 1000} ms of CPU`);
    parsePage(page);
    assert.match(bodyText(page), /All 10,000,000 records arrived/);
  });

test('a collection that differs is not lost among 10,000 that are equal', () => {
  const report = hugeReport(10_000, 1);
  report.collections[7777]!.checksum.target = '17';
  const text = bodyText(renderReportHtml(report));
  assert.match(text, /tenant-7777.{0,200}Not equal/);
  assert.match(text, /9,999 collections equal on both sides, 1 collection that differ/);
});

test('a delta pass: what was added, changed and deleted in each collection stands below the account', () => {
  const [first, ...others] = sampleReport().collections;
  const page = bodyText(renderReportHtml(deltaReport(false)));
  assert.ok(page.indexOf('What had changed') > page.indexOf('Did it work?'));
  assert.match(
    page,
    new RegExp(
      `${first!.plan.collection}.*12,000.*2\\s*new-1, new-2.*4\\s*record-1, record-2, record-3, ….*1\\s*gone`,
      's',
    ),
  );
  assert.match(page, /taken over, deleted ones kept/);
  assert.match(
    page,
    new RegExp(`${others.length} collections? had not changed, and nothing of them was written`),
  );
  assert.doesNotMatch(bodyText(renderReportHtml(deltaReport(true))), /deleted ones kept/);
  assert.doesNotMatch(bodyText(renderReportHtml(sampleReport())), /What had changed/);
});
