// Passkeys in a real browser, with Chromium's virtual authenticator: made, enrolled, approving, forgotten, found again.
// And a key that a browser kept: what it does not decide alone, and the way back once it is lost.
import fs from 'node:fs'
import path from 'node:path'
import { createRequire } from 'node:module'

const asked = JSON.parse(process.argv[2])
const require = createRequire(path.join(asked.modules, 'package.json'))
const { chromium } = require('playwright-core')
const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')

fs.mkdirSync(asked.out, { recursive: true })
const browser = await chromium.launch({ executablePath: asked.chromium, args: ['--no-sandbox', '--disable-dev-shm-usage'] })
const faults = []
const must = (good, what) => good || faults.push(what)

const look = async (page, name) => {
  await page.screenshot({ path: path.join(asked.out, `${name}.png`), fullPage: true })
  const found = await page.evaluate(`${axe}; axe.run()`)
  for (const { id, nodes } of found.violations) faults.push(`${name}: axe ${id}: ${nodes[0].html.slice(0, 200)}`)
}

// Somebody's own browser, with a security key in it.
const desk = async (lang, at = asked.url) => {
  const context = await browser.newContext({ locale: lang === 'zh' ? 'zh-CN' : 'en-GB' })
  const page = await context.newPage()
  page.on('pageerror', (error) => faults.push(String(error)))
  page.on('console', (said) => said.type() === 'error' && !/status of 4\d\d/.test(said.text()) && faults.push(said.text()))
  const cdp = await context.newCDPSession(page)
  await cdp.send('WebAuthn.enable')
  const options = { protocol: 'ctap2', transport: 'usb', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true }
  const { authenticatorId } = await cdp.send('WebAuthn.addVirtualAuthenticator', { options })
  return {
    page,
    context,
    to: (where) => page.goto(`${at}/${lang}${where}`),
    // The person clears what the site has left, its cookies too.
    clear: () => cdp.send('Storage.clearDataForOrigin', { origin: at, storageTypes: 'all' }),
    knows: (isUserVerified) => cdp.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified }),
    passkeys: async () => (await cdp.send('WebAuthn.getCredentials', { authenticatorId })).credentials.length,
  }
}

const logIn = async ({ page, to }, lang, form = '#log-in') => {
  await to('/login')
  await page.click(`${form} button`)
  await page.waitForURL(`${asked.url}/${lang}/`)
}

const requested = async ({ page, to }, name, kept) => {
  await to('/keys')
  await page.fill('#name', name)
  await page.selectOption('#role', 'operator')
  await page.selectOption('#kept', kept)
  await page.click('#key-new button')
  await page.waitForFunction(() => document.getElementById('request').value)
  return page.inputValue('#request')
}

const said = (page, form) => page.waitForFunction((form) => {
  const text = document.querySelector(`${form} .said`).textContent
  return !/…/.test(text) && text
}, form).then((found) => found.jsonValue())

// A page fills in what it learns from the browser's storage after it has loaded.
const shows = (page, what) => page.waitForSelector(what, { timeout: 10_000 }).then(() => true, () => false)

const approve = (page) => Promise.all([page.waitForNavigation(), page.click('form[data-to$=approvals] button')])

for (const lang of ['zh', 'en']) {
  const job = asked.jobs[lang]
  const owner = await desk(lang)
  await owner.to('/keys')
  await owner.page.setInputFiles('#pem', asked.owner)
  await owner.page.click('#key-file button')
  await owner.page.waitForFunction(() => !document.getElementById('key-public').hidden)
  await logIn(owner, lang)
  const enrol = async (request) => {
    await owner.to('/people')
    await owner.page.fill('#request', request)
    await Promise.all([owner.page.waitForNavigation(), owner.page.click('form[data-json] button')])
  }

  // A passkey, and two keys that browsers keep.
  const holder = await desk(lang)
  await enrol(await requested(holder, `passkey-${lang}`, 'passkey'))
  must((await holder.passkeys()) === 1, 'no passkey was made')
  must(await shows(holder.page, '#key-passkey'), 'the page does not say that it is a passkey')
  must(!(await holder.page.isVisible('#key-good')), 'the page says of a stranger that they are enrolled')
  await look(holder.page, `passkey-made-${lang}`)
  const first = await desk(lang)
  await enrol(await requested(first, `first-${lang}`, 'browser'))
  const second = await desk(lang)
  const changed = JSON.parse(await requested(second, `second-${lang}`, 'browser'))
  // A request that says otherwise than the key is not the key's.
  await owner.to('/people')
  for (const otherwise of [{ ...changed, kept: 'passkey' }, { ...changed, kept: undefined }]) {
    await owner.page.fill('#request', JSON.stringify(otherwise))
    await owner.page.click('form[data-json] button')
    must(/did not sign|没有签署/.test(await said(owner.page, 'form[data-json]')), 'another place was enrolled than the key had signed')
  }
  await enrol(JSON.stringify(changed))
  await look(owner.page, `people-${lang}`)

  // The first approval may come from a browser, the last then not.
  await logIn(first, lang)
  await first.to(`/jobs/${job}`)
  await approve(first.page)
  await logIn(second, lang)
  await second.to(`/jobs/${job}`)
  const why = await second.page.textContent('form[data-to$=approvals] .why')
  must(/does not come from a key kept in a browser|不得使用浏览器中的密钥/.test(why), `the rule is not told: ${why}`)
  must(await second.page.isDisabled('form[data-to$=approvals] button'), 'what is refused can be clicked')
  await look(second.page, `not-alone-${lang}`)

  // Somebody whom the authenticator does not know does not sign.
  await logIn(holder, lang)
  await holder.to(`/jobs/${job}`)
  await holder.knows(false)
  await holder.page.click('form[data-to$=approvals] button')
  must(/did not answer|没有应答/.test(await said(holder.page, 'form[data-to$=approvals]')), 'a passkey signed for a stranger')
  await holder.knows(true)
  await approve(holder.page)
  await look(holder.page, `approved-${lang}`)

  // Forgotten by the browser, and found again.
  await holder.clear()
  await holder.to('/keys')
  must(await shows(holder.page, '#key-none'), 'the browser still has a key')
  await holder.to('/login')
  await look(holder.page, `log-in-${lang}`)
  await logIn(holder, lang, '#find-passkey')
  must((await holder.page.textContent('.who')).includes(`passkey-${lang}`), 'nobody is logged in')
  await holder.to('/keys')
  must(await shows(holder.page, '#key-good') && await shows(holder.page, '#key-passkey'), 'the passkey was not found again')
  await logIn(holder, lang)

  // A browser's key is gone with the site's data: revoked, another one enrolled under the same name.
  await second.clear()
  await second.to('/login')
  await second.page.click('#log-in button')
  must(/no key in this browser|没有密钥/.test(await said(second.page, '#log-in')), 'a lost key is not called lost')
  const anew = await requested(second, `second-${lang}`, 'browser')
  await owner.to('/people')
  await owner.page.click(`summary:has-text("second-${lang}")`)
  await owner.page.fill(`details:has(summary:has-text("second-${lang}")) input`, 'the browser was cleared')
  await Promise.all([owner.page.waitForNavigation(), owner.page.click(`details:has(summary:has-text("second-${lang}")) button`)])
  await enrol(anew)
  await logIn(second, lang)
  must((await second.page.textContent('.who')).includes(`second-${lang}`), 'there is no way back')

  // A passkey that nobody has enrolled logs nobody in.
  const stranger = await desk(lang)
  await requested(stranger, 'stranger', 'passkey')
  for (const form of ['#log-in', '#find-passkey']) {
    await stranger.to('/login')
    await stranger.page.click(`${form} button`)
    must((await said(stranger.page, form)).length > 5, 'a stranger hears nothing')
    must(new URL(stranger.page.url()).pathname.endsWith('/login'), 'a stranger is logged in')
  }

  // Where there is no name, there is no passkey, and the page says so.
  const unnamed = await desk(lang, asked.url.replace('localhost', '127.0.0.1'))
  await unnamed.to('/keys')
  must(await unnamed.page.isDisabled('#kept option[value=passkey]'), 'a passkey is offered for an address')
  must(await shows(unnamed.page, '[data-passkeys=cannot]'), 'the page does not say why there is no passkey')
  await unnamed.to('/login')
  must(!(await unnamed.page.isVisible('#find-passkey')), 'a passkey is asked for at an address')
  for (const { context } of [owner, holder, first, second, stranger, unnamed]) await context.close()
}
await browser.close()
console.log(JSON.stringify({ faults }))
process.exit(faults.length ? 1 : 0)
