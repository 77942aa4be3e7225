// Every role's work in a real browser: in both languages, at a desk and on a telephone, light and dark. Each page is
// looked at by axe-core, must fit its screen, and stays small. Pictures are left behind for people to look at.
import fs from 'node:fs'
import path from 'node:path'
import { createRequire } from 'node:module'

const asked = JSON.parse(process.argv[2])
const require = createRequire(path.join(asked.modules, 'package.json'))
const { chromium } = require('playwright-core')
const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')
const MOST_BYTES = 200_000

fs.mkdirSync(asked.out, { recursive: true })
const browser = await chromium.launch({ executablePath: asked.chromium, args: ['--no-sandbox', '--disable-dev-shm-usage'] })
const faults = []
const looked = []
const must = (good, what) => good || faults.push(what)

const look = async (page, name) => {
  await page.screenshot({ path: path.join(asked.out, `${name}.png`), fullPage: true })
  looked.push(name)
  const found = await page.evaluate(`${axe}; axe.run()`)
  for (const { id, impact, nodes } of found.violations) faults.push(`${name}: axe ${id} (${impact}): ${nodes[0].html.slice(0, 200)}`)
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
  must(wide <= 0, `${name}: ${wide} pixels too wide`)
  const bytes = await page.evaluate(() => {
    const all = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
    return all.reduce((sum, entry) => sum + (entry.decodedBodySize || 0), 0)
  })
  must(bytes < MOST_BYTES, `${name}: ${bytes} bytes`)
  const drawn = await page.evaluate(() => document.querySelectorAll('img, iframe, object, script:not([src])').length)
  must(drawn === 0, `${name}: something that people wrote is an element of the page`)
}

// Somebody at their desk, with their own key in the browser.
const desk = async (who, lang, { width = 1280, dark = false, key = who } = {}) => {
  const context = await browser.newContext({
    viewport: { width, height: 900 },
    colorScheme: dark ? 'dark' : 'light',
    locale: lang === 'zh' ? 'zh-CN' : 'en-GB',
  })
  const page = await context.newPage()
  page.on('pageerror', (error) => faults.push(`${who}: ${error}`))
  page.on('dialog', (dialog) => faults.push(`${who}: a dialog: ${dialog.message()}`) && dialog.dismiss())
  page.on('console', (said) => said.type() === 'error' && !/status of 4\d\d/.test(said.text()) && faults.push(`${who}: ${said.text()}`))
  const to = async (at) => page.goto(`${asked.url}/${lang}${at}`)
  const load = async (name) => {
    await to('/keys')
    await page.setInputFiles('#pem', asked.keys[name])
    await page.click('#key-file button')
    await page.waitForFunction(() => !document.getElementById('key-public').hidden)
  }
  await load(who)
  await to('/login')
  await page.click('#log-in button')
  await page.waitForURL(`${asked.url}/${lang}/`)
  if (key !== who) await load(key)
  return { page, to, context }
}

const told = (page) => page.waitForFunction(() => [...document.querySelectorAll('.said')].map((said) => said.textContent).find((text) => text && !/…/.test(text)))

const released = {}
for (const [lang, width, dark] of [['zh', 1280, false], ['en', 390, true]]) {
  const style = `${lang}-${width}${dark ? '-dark' : ''}`
  const analyst = await desk('analyst', lang, { width, dark })
  await look(analyst.page, `analyst-inbox-${style}`)
  for (const [name, at] of [['catalogue', '/datasets'], ['dataset', '/datasets/firms'], ['hostile-dataset', '/datasets/hostile'], ['jobs', '/jobs'], ['keys', '/keys'], ['policy', '/policy'], ['hostile', `/jobs/${asked.hostile}`]]) {
    await analyst.to(at)
    await look(analyst.page, `analyst-${name}-${style}`)
  }
  // Made-up rows to try things on, taken in the browser.
  await analyst.to('/datasets/firms')
  const [twin] = await Promise.all([analyst.page.waitForEvent('download'), analyst.page.click('form[action$="firms.csv"] button')])
  await twin.saveAs(path.join(asked.out, `${lang}-twin.csv`))
  must(fs.readFileSync(path.join(asked.out, `${lang}-twin.csv`), 'utf8').split('\n').length > 900, 'no twin')
  // The language is kept: the bare address leads to it.
  await analyst.page.goto(`${asked.url}/`)
  must(analyst.page.url() === `${asked.url}/${lang}/`, `the language was forgotten: ${analyst.page.url()}`)

  // A job, written and checked and signed without a terminal.
  await analyst.to('/jobs/new')
  await look(analyst.page, `analyst-new-${style}`)
  await analyst.page.fill('#manifest', asked.manifest.replace('rho = 0.1', 'rho = 9'))
  await analyst.page.setInputFiles('#component', asked.component)
  await analyst.page.click('#new-job button')
  await analyst.page.waitForSelector('.verdict')
  await look(analyst.page, `analyst-refused-${style}`)
  await analyst.page.fill('#manifest', asked.manifest)
  await analyst.page.click('#new-job button')
  await analyst.page.waitForSelector('form[data-to="/v1/jobs"]')
  await look(analyst.page, `analyst-checked-${style}`)
  await analyst.page.click('form[data-to="/v1/jobs"] button')
  await analyst.page.waitForURL(/jobs\/j\d+$/)
  const job = new URL(analyst.page.url()).pathname.split('/').pop()
  await look(analyst.page, `analyst-job-${style}`)

  // With somebody else's key nothing is approved.
  const wrong = await desk('operator', lang, { width, dark, key: 'analyst' })
  await wrong.to(`/jobs/${job}`)
  await wrong.page.click('form[data-to$=approvals] button')
  await told(wrong.page)
  must((await wrong.page.textContent('form[data-to$=approvals] .said')).length > 5, 'no word about the wrong key')
  await look(wrong.page, `operator-wrong-${style}`)
  await wrong.context.close()

  // From the inbox to an approval in two clicks.
  for (const who of ['operator', 'second']) {
    const { page, context } = await desk(who, lang, { width, dark })
    const older = await context.newPage()
    await older.goto(`${asked.url}/${lang}/jobs/${job}`)
    await look(page, `${who}-inbox-${style}`)
    await page.click(`.cards a.button[href$="/jobs/${job}"]`)
    await look(page, `${who}-job-${style}`)
    const before = page.url()
    await Promise.all([page.waitForNavigation(), page.click('form[data-to$=approvals] button')])
    must(page.url() === before, 'an approval leads elsewhere')
    // A page from before is told apart, and changes nothing.
    await older.click('form[data-to$=approvals] button')
    await older.waitForSelector('.said .again')
    must(/out of date|已过时/.test(await older.textContent('form[data-to$=approvals] .said')), 'a stale page says nothing of it')
    if (who === 'second') await look(older, `${who}-stale-${style}`)
    await context.close()
  }
  const operator = await desk('operator', lang, { width, dark })
  for (const [name, at] of [['people', '/people'], ['operations', '/operations'], ['none', '/jobs/j999'], ['approved', `/jobs/${job}`]]) {
    await operator.to(at)
    await look(operator.page, `operator-${name}-${style}`)
  }
  // Somebody new is enrolled with what they sent, and their key revoked.
  await operator.to('/people')
  await operator.page.fill('#request', 'not what was sent')
  await operator.page.click('form[data-json] button')
  await told(operator.page)
  await operator.page.fill('#request', fs.readFileSync(asked.requests[lang], 'utf8'))
  await Promise.all([operator.page.waitForNavigation(), operator.page.click('form[data-json] button')])
  must((await operator.page.textContent('table')).includes(`new-${lang}`), 'nobody was enrolled')
  await operator.page.click(`summary:has-text("new-${lang}")`)
  await operator.page.fill(`details:has(summary:has-text("new-${lang}")) input`, 'left')
  await look(operator.page, `operator-revoke-${style}`)
  await Promise.all([operator.page.waitForNavigation(), operator.page.click(`details:has(summary:has-text("new-${lang}")) button`)])

  // Somebody makes their key in the browser, is enrolled with it, and logs in.
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: dark ? 'dark' : 'light' })
  const newcomer = await context.newPage()
  await newcomer.goto(`${asked.url}/${lang}/keys`)
  await newcomer.fill('#name', `own-${lang}`)
  await newcomer.selectOption('#role', 'steward')
  await newcomer.click('#key-new button')
  await newcomer.waitForFunction(() => document.getElementById('request').value)
  await look(newcomer, `newcomer-request-${style}`)
  const request = await newcomer.inputValue('#request')
  await operator.to('/people')
  await operator.page.fill('#request', request)
  await Promise.all([operator.page.waitForNavigation(), operator.page.click('form[data-json] button')])
  await newcomer.goto(`${asked.url}/${lang}/login`)
  await newcomer.click('#log-in button')
  await newcomer.waitForURL(`${asked.url}/${lang}/`)
  must((await newcomer.textContent('.who')).includes(`own-${lang}`), 'a key made in the browser logs nobody in')
  await context.close()

  // Declined with a reason, in words that must not become anything else.
  await operator.to(`/jobs/${asked.hostile}`)
  if (await operator.page.$('#reject')) {
    await operator.page.fill('#reject', '<b onmouseover=alert(1)>no</b>')
    await Promise.all([operator.page.waitForNavigation(), operator.page.click('form[data-to$=rejections] button')])
  }
  await look(operator.page, `operator-rejected-${style}`)

  // The lab runs it and releases it by itself; its author opens it with a signature.
  for (let tries = 0; tries < 120; tries++) {
    await analyst.to('/')
    if (await analyst.page.$(`a[href$="/jobs/${job}/release"]`)) break
    await analyst.page.waitForTimeout(500)
  }
  await look(analyst.page, `analyst-released-${style}`)
  released[lang] = job
  await analyst.page.click(`a[href$="/jobs/${job}/release"]`)
  await Promise.all([analyst.page.waitForNavigation(), analyst.page.click('form[data-open] button')])
  must((await analyst.page.locator('table').count()) > 0, 'a release without a table')
  // The browser checks it by itself; and below it finds what was altered on its way.
  const verify = async () => {
    await analyst.page.click('#verify button')
    await analyst.page.waitForFunction(() => !document.querySelector('#verify button').disabled && document.querySelector('#verify .said').textContent)
    return analyst.page.evaluate(() => [...document.querySelectorAll('#verify .mark')].map((mark) => mark.className.split(' ')[1]))
  }
  const checked = await verify()
  must(checked.length >= 5 && !checked.includes('bad'), `a release that is not verified: ${checked}`)
  await look(analyst.page, `analyst-release-${style}`)
  // Taken along as files, without a signature more.
  for (const [as, starts] of [['csv', '\ufefftable,'], ['parquet', 'PAR1'], ['json', '{'], ['receipt', '{']]) {
    const [file] = await Promise.all([analyst.page.waitForEvent('download'), analyst.page.click(`.take button[value=${as}]`)])
    const kept = path.join(asked.out, `${lang}-${file.suggestedFilename()}`)
    await file.saveAs(kept)
    must(fs.readFileSync(kept, 'utf8').startsWith(starts), `no ${as}`)
  }
  const whole = fs.readFileSync(path.join(asked.out, `${lang}-${job}.receipt.json`), 'utf8')
  for (const change of [
    (receipt) => { receipt.body = receipt.body.replace('"low":"', '"low":"1') },
    (receipt) => { receipt.proof = receipt.proof.replace(/\n— .*/s, '\n— other.example/log AAAAAAAA\n') },
    (receipt) => { receipt.proof = receipt.proof.replace(/index \d+/, 'index 1') },
    (receipt) => { receipt.proof = receipt.proof.replace(/index (\d+)/, (_, index) => `index ${Number(index) + 2 ** 20}`) },
    (receipt) => { receipt.quorum = 1 },
    (receipt) => { receipt.format = 'another' },
    (receipt) => { receipt.logKey = receipt.logKey.replace(/\+[0-9a-f]{8}\+/, '+deadbeef+') },
  ]) {
    const receipt = JSON.parse(whole)
    change(receipt)
    await analyst.page.route('**/release', (route) => route.fulfill({ json: receipt }))
    const found = (await verify()).includes('bad') || /could not|无法核验/.test(await analyst.page.textContent('#verify .said'))
    must(found, `not found in the browser: ${change}`)
    await analyst.page.unrouteAll()
  }
  // A number that the page shows and the lab did not release.
  await analyst.page.evaluate(() => { [...document.querySelectorAll('main td.n')].forEach((cell) => { cell.textContent = '1' }) })
  must((await verify()).includes('bad'), 'another number on the page was not found')
  await analyst.page.reload()
  await analyst.page.emulateMedia({ media: 'print' })
  must(!(await analyst.page.isVisible('form[action$=logout]')), 'a printed release has buttons')
  await look(analyst.page, `analyst-release-print-${style}`)
  await analyst.context.close()

  for (const [who, pages] of [
    ['steward', [['catalogue', '/datasets'], ['own', '/datasets/firms'], ['jobs', '/jobs'], ['people', '/people']]],
    ['auditor', [['log', '/log'], ['entry', '/log/5'], ['filtered', `/log?kind=job-approved&about=${job}`], ['found-none', `/log?by=${encodeURIComponent('<img src=x onerror=alert(1)>')}&since=2026-01-01`], ['people', '/people'], ['rules', '/policy'], ['operations', '/operations'], ['audit', '/audit'], ['job', `/jobs/${job}`]]],
  ]) {
    const { page, to, context } = await desk(who, lang, { width, dark })
    for (const [name, at] of pages) {
      await to(at)
      await look(page, `${who}-${name}-${style}`)
    }
    if (who === 'auditor') {
      await to(`/log?kind=job-approved&about=${job}`)
      must((await page.locator('tbody tr').count()) === 2, 'not the two approvals of the job')
      await to('/audit')
      must((await page.locator('.report .verdict.good').count()) === 1, 'the lab finds itself at fault')
    }
    if (who === 'steward') {
      // Rows of their own: encrypted before they came here, sent, imported, looked at and signed for.
      await to('/datasets/new')
      await look(page, `steward-upload-${style}`)
      must(!(await page.isVisible('#imported')), 'registering is offered before anything was imported')
      await page.setInputFiles('#rows', asked.manifestFile)
      await page.fill('#called', `own-${lang}`)
      await page.fill('#description', asked.description.replace('"firms"', `"own-${lang}"`))
      await page.click('#upload button')
      await told(page)
      must(/age/.test(await page.textContent('#upload .said')), 'rows that were not encrypted were sent')
      await page.setInputFiles('#rows', asked.rows)
      await page.fill('#open-to', 'nobody at all')
      await page.click('#upload button')
      await page.waitForFunction(() => /nobody at all/.test(document.querySelector('#upload .said').textContent))
      await page.fill('#open-to', 'analyst')
      await page.click('#upload button')
      await page.waitForSelector('#imported:not([hidden])', { timeout: 60000 })
      await look(page, `steward-imported-${style}`)
      await Promise.all([page.waitForURL(new RegExp(`/datasets/own-${lang}$`)), page.click('#imported button')])
      await look(page, `steward-registered-${style}`)
      // Closed, and opened again, each with a signature and a reason.
      for (const [button, status] of [['close', 'closed'], ['open', 'open']]) {
        await to('/datasets/firms')
        await page.fill(`#${button}`, 'the year is over')
        await Promise.all([page.waitForNavigation(), page.click(`form:has(#${button}) button`)])
        must((await page.locator(`input[name=status][value=${status === 'closed' ? 'open' : 'closed'}]`).count()) === 1, `not ${status}`)
      }
    }
    await Promise.all([page.waitForNavigation(), page.click('form[action$=logout] button')])
    await look(page, `${who}-gone-${style}`)
    await context.close()
  }
  await operator.context.close()
}

// The same desks the other way round, to be looked at.
for (const [lang, width, dark] of [['zh', 390, true], ['en', 1280, false]]) {
  const style = `${lang}-${width}${dark ? '-dark' : ''}`
  const job = `/jobs/${released[lang]}`
  for (const [who, pages] of [
    ['analyst', [['inbox', '/'], ['catalogue', '/datasets'], ['dataset', '/datasets/firms'], ['jobs', '/jobs'], ['new', '/jobs/new'], ['job', job], ['keys', '/keys'], ['release', `${job}/release`]]],
    ['operator', [['inbox', '/'], ['people', '/people'], ['policy', '/policy'], ['operations', '/operations'], ['hostile', `/jobs/${asked.hostile}`]]],
    ['steward', [['own', '/datasets/firms'], ['upload', '/datasets/new']]],
    ['auditor', [['log', '/log'], ['entry', '/log/5'], ['audit', '/audit']]],
  ]) {
    const { page, to, context } = await desk(who, lang, { width, dark })
    for (const [name, at] of pages) {
      await to(at)
      if (name === 'release') {
        await Promise.all([page.waitForNavigation(), page.click('form[data-open] button')])
        await page.click('#verify button')
        await page.waitForSelector('#verify .mark')
      }
      await look(page, `${who}-${name}-${style}`)
    }
    await context.close()
  }
}

// Reading needs no script.
const plain = await browser.newContext({ javaScriptEnabled: false })
const page = await plain.newPage()
await page.goto(`${asked.url}/zh/log`)
must((await page.locator('tbody tr').count()) > 3, 'the log cannot be read without a script')
await browser.close()
console.log(JSON.stringify({ looked: looked.length, faults }))
process.exit(faults.length ? 1 : 0)
