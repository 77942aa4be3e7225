// Signs with the reader's own key, which stays in this browser: what a page carries, or what the lab drafts for a form.
'use strict'

const zh = document.documentElement.lang.startsWith('zh')
const say = (en, chinese) => (zh ? chinese : en)
const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))
const base64 = (buffer) => btoa(Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join(''))
const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, '0')).join('')

class Told extends Error {}

// What a page is about has changed since it was loaded.
class Stale extends Told {
  constructor (why) {
    super(say(`This page is out of date, and nothing was changed: ${why}.`, `此页面已过时，未作任何变更：${why}。`))
  }

  get again () {
    const button = document.createElement('button')
    button.type = 'button'
    button.className = 'again'
    button.textContent = say('Load it again', '重新载入')
    button.onclick = () => location.reload()
    return button
  }
}

// The key: kept by the browser, and never to be read out again.
const store = (mode, work) => new Promise((done, failed) => {
  const opening = indexedDB.open('unseen', 1)
  opening.onupgradeneeded = () => opening.result.createObjectStore('keys')
  opening.onerror = () => failed(opening.error)
  opening.onsuccess = () => {
    const asked = work(opening.result.transaction('keys', mode).objectStore('keys'))
    asked.onerror = () => failed(asked.error)
    asked.onsuccess = () => done(asked.result)
  }
})
const kept = () => store('readonly', (keys) => keys.get('own'))
const keep = (own) => store('readwrite', (keys) => keys.put(own, 'own'))
const forget = () => store('readwrite', (keys) => keys.delete('own'))

const own = async () => {
  const found = await kept()
  if (!found) throw new Told(say('There is no key in this browser: see "My key".', '此浏览器中没有密钥：请见“我的密钥”。'))
  return found
}

// RFC 8410: the public half is read out of a copy that may be read, and the copy is dropped.
const taken = async (pem) => {
  const body = pem.match(/-----BEGIN PRIVATE KEY-----([\s\S]*?)-----END PRIVATE KEY-----/)
  const not = () => new Told(say('This file holds no key of the kind that is wanted.', '此文件中没有所需类型的密钥。'))
  if (!body) throw not()
  const raw = bytes(body[1].replace(/\s/g, ''))
  try {
    const open = await crypto.subtle.importKey('pkcs8', raw, { name: 'Ed25519' }, true, ['sign'])
    const { x } = await crypto.subtle.exportKey('jwk', open)
    const key = await crypto.subtle.importKey('pkcs8', raw, { name: 'Ed25519' }, false, ['sign'])
    const half = bytes(x.replace(/-/g, '+').replace(/_/g, '/'))
    return { key, ...(await named(half)) }
  } catch {
    throw not()
  }
}

// One way to sign, whichever key is kept here.
const signature = async (message, { key, passkey }) =>
  passkey ? (await asserted(message, passkey)).bytes : crypto.subtle.sign('Ed25519', key, message)

// DSSE: what is signed is "DSSEv1 LENGTH TYPE LENGTH PAYLOAD".
const envelope = async (toSign) => {
  const mine = await own()
  const head = /^DSSEv1 \d+ (\S+) \d+ /.exec(new TextDecoder('latin1').decode(toSign.slice(0, 200)))
  if (!head) throw new Told(say('The lab gave something else to be signed.', '实验室给出的待签内容不符。'))
  const sig = base64(await signature(toSign, mine))
  const payload = base64(toSign.slice(head[0].length))
  return { payload, payloadType: head[1], signatures: [{ keyid: mine.id, sig }] }
}

// The names that a key goes by: in the log, and in envelopes.
const named = async (half) => ({ public: hex(half), id: hex(await crypto.subtle.digest('SHA-256', half)) })

const newKey = async () => {
  const { privateKey: key, publicKey } = await crypto.subtle.generateKey({ name: 'Ed25519' }, false, ['sign', 'verify'])
  return { key, ...(await named(new Uint8Array(await crypto.subtle.exportKey('raw', publicKey)))) }
}

// A key that nobody ever reads, and the request that its holder be enrolled with it.
const made = async (form) => {
  const { name, role, kept } = Object.fromEntries(new FormData(form))
  const mine = await (kept === 'passkey' ? newPasskey(name) : newKey())
  const log = document.body.dataset.lab
  const words = `unseen enrolment v2\n${log}\n${name}\n${role}\n${mine.public}\n${kept}\n`
  const proof = base64(await signature(new TextEncoder().encode(words), mine))
  await keep(mine)
  const request = { log, name, roles: [role], key: mine.public, kept, proof }
  document.getElementById('request').value = JSON.stringify(request, null, 2)
  document.getElementById('enrolment').hidden = false
  await show()
  return say('The key is here; nothing is enrolled yet.', '密钥已生成；尚未登记。')
}

const sent = async (to, body) => {
  const answer = await fetch(to, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'accept-language': document.documentElement.lang },
    body: JSON.stringify(body),
  })
  const told = await answer.json()
  if (answer.status === 409) throw new Stale(told.detail || told.title)
  if (!answer.ok) throw new Told(told.detail || told.title || String(answer.status))
  return told
}

const utf8 = (text) => base64(new TextEncoder().encode(text))

const parsed = (text) => {
  try {
    return JSON.parse(text)
  } catch {
    throw new Told(say('This is not JSON as the lab writes it.', '这不是实验室写出的 JSON。'))
  }
}

const change = async (form) => {
  const typed = Object.fromEntries(new FormData(form))
  const fields = form.dataset.json ? parsed(typed[form.dataset.json]) : typed
  // What is signed in a page from before must not go on unseen when its reader has logged out elsewhere.
  if (form.dataset.sign) await asked('/v1/lab')
  const drafted = form.dataset.sign || (await sent(`${form.dataset.to}/draft`, fields)).toSign
  const signed = utf8(JSON.stringify(await envelope(bytes(drafted))))
  if (form.dataset.open) {
    // What is answered is a page of its own.
    const carrier = document.createElement('form')
    carrier.method = 'post'
    carrier.action = form.dataset.open
    const field = document.createElement('input')
    field.type = 'hidden'
    field.name = 'entry'
    field.value = signed
    carrier.append(field)
    document.body.append(carrier)
    carrier.submit()
    return
  }
  const { job } = await sent(form.dataset.to, { change: fields, entry: signed })
  if (form.dataset.to === '/v1/jobs') location.assign(location.pathname.replace('new', job))
  else location.reload()
}

// The component goes before the form that names it.
const newJob = async (form) => {
  const [file] = form.querySelector('#component').files
  if (file) {
    const body = await file.arrayBuffer()
    const digest = hex(await crypto.subtle.digest('SHA-256', body))
    const headers = { 'content-type': 'application/octet-stream', 'accept-language': document.documentElement.lang }
    const answer = await fetch(`/v1/blobs/${digest}`, { method: 'PUT', headers, body })
    if (!answer.ok) throw new Told((await answer.json()).detail)
    let field = form.querySelector('input[name=module]')
    if (!field) {
      field = document.createElement('input')
      field.type = 'hidden'
      field.name = 'module'
      form.append(field)
    }
    field.value = `sha256:${digest}`
  }
  form.submit()
}

const asked = async (at, options = {}) => {
  const headers = { 'accept-language': document.documentElement.lang, ...options.headers }
  const answer = await fetch(at, { ...options, headers })
  const told = await answer.json()
  if (!answer.ok && !options.bears?.includes(answer.status)) throw new Told(told.detail || told.title || String(answer.status))
  return told
}

// Rows, encrypted before they came here, in pieces: what the lab has already is not sent again.
const MOST = 1 << 30
const PIECE = 8 << 20
const sentRows = async (file, tell) => {
  const start = new TextDecoder('latin1').decode(await file.slice(0, 32).arrayBuffer())
  if (!start.startsWith('age-encryption.org/v1')) throw new Told(say('This file is not encrypted with age: nothing was sent.', '此文件未用 age 加密：没有上传任何内容。'))
  if (file.size > MOST) throw new Told(say('This file is too large for a browser.', '此文件过大，不适合用浏览器上传。'))
  const digest = hex(await crypto.subtle.digest('SHA-256', await file.arrayBuffer()))
  const at = `/v1/uploads/${digest}`
  let { received = 0, whole = false } = await asked(at, { bears: [404] })
  while (!whole) {
    tell(say(`Sent: ${Math.floor((received / file.size) * 100)} %`, `已上传 ${Math.floor((received / file.size) * 100)}%`))
    const headers = { 'content-type': 'application/octet-stream', 'upload-offset': received, 'upload-length': file.size }
    const done = await asked(at, { method: 'PATCH', headers, body: file.slice(received, received + PIECE) })
    received = done.received
    whole = done.whole
  }
  return `sha256:${digest}`
}

const upload = async (form) => {
  const said = form.querySelector('.said')
  const tell = (text) => { said.textContent = text }
  const [file] = form.querySelector('#rows').files
  const { called: dataset, description, openTo, keepUntil } = Object.fromEntries(new FormData(form))
  const terms = {
    description: description.replace(/\r\n/g, '\n'),
    openTo: openTo.split(/[,，、]/).map((name) => name.trim()).filter(Boolean),
    ...(keepUntil && { keepUntil: new Date(`${keepUntil}T00:00:00`).toISOString() }),
  }
  const place = `/v1/datasets/${encodeURIComponent(dataset)}`
  const wish = { ...terms, upload: await sentRows(file, tell), source: file.name, name: 'dataset.toml' }
  let found = await sent(`${place}/imports`, wish)
  while (found.state === 'waiting' || found.state === 'working') {
    tell(say(`Imported: ${Math.floor(found.done * 100)} %`, `已导入 ${Math.floor(found.done * 100)}%`))
    await new Promise((rested) => setTimeout(rested, 700))
    found = await asked(`${place}/imports/${found.import}`)
  }
  if (found.state !== 'ready') throw new Told(String(found.why))
  const { rows, units, setAside, columns } = found.quality
  const normalized = columns.reduce((sum, column) => sum + column.normalized, 0)
  const counted = say(
    `${rows} rows of ${units} units; ${setAside} rows without a unit are set aside; ${normalized} cells were brought into the declared form.`,
    `共 ${rows} 行、${units} 个隐私单元；${setAside} 行没有隐私单元，另计；${normalized} 个单元格已按声明规范化。`,
  )
  document.getElementById('counted').textContent = [counted, ...found.hints].join(' ')
  const registered = document.getElementById('imported')
  registered.hidden = false
  registered.querySelector('button').onclick = async () => {
    try {
      const fields = { ...terms, import: found.import }
      const drafted = (await sent(`${place}/registrations/draft`, fields)).toSign
      const entry = utf8(JSON.stringify(await envelope(bytes(drafted))))
      await sent(`${place}/registrations`, { change: fields, entry })
      location.assign(form.dataset.then + encodeURIComponent(dataset))
    } catch (error) {
      tell(error.message)
    }
  }
  return say('Imported. Look at what was counted, then register it.', '已导入。请核对统计结果，然后登记。')
}

// What is signed is for this service, now, once. A name is left out where only the lab knows it.
const logInWith = async (to, name, signs) => {
  const nonce = hex(crypto.getRandomValues(new Uint8Array(16)))
  const time = new Date().toISOString()
  const words = `unseen login v1\n${location.host}\n${time.replace('Z', '000000Z')}\n${nonce}\n${name}\n`
  const { passkey, bytes } = await signs(new TextEncoder().encode(words))
  const login = { host: location.host, time, nonce, ...(name && { key: name }), signature: base64(bytes) }
  return { passkey, answer: await sent(to, login) }
}

const logIn = async (form) => {
  const mine = await own()
  await logInWith(form.dataset.to, mine.public, async (words) => ({ bytes: await signature(words, mine) }))
  location.assign(form.dataset.then)
}

const show = async () => {
  const left = document.getElementById('key-left')
  if (left) left.hidden = !(await kept())
  const card = document.getElementById('key')
  if (!card) return
  const found = await kept()
  // Whoever is not logged in is told nothing of whose it is.
  const { enrolled } = card.dataset
  const is = !found ? 'none' : enrolled && (enrolled === found.public ? 'good' : 'other')
  for (const name of ['none', 'good', 'other']) document.getElementById(`key-${name}`).hidden = name !== is
  document.getElementById('key-passkey').hidden = !found || !found.passkey
  const shown = document.getElementById('key-public')
  shown.hidden = !found
  shown.firstElementChild.textContent = found ? found.public : ''
}

const works = {
  'key-file': async (form) => {
    const [file] = form.querySelector('input').files
    await keep(await taken(await file.text()))
    if (navigator.storage && navigator.storage.persist) await navigator.storage.persist()
    form.reset()
    await show()
    return say('Kept.', '已保存。')
  },
  'key-new': made,
  'key-away': async () => {
    await forget()
    await show()
    return say('Removed.', '已移除。')
  },
  'log-in': logIn,
  'find-passkey': findPasskey,
  'new-job': newJob,
  upload,
}

for (const form of document.querySelectorAll('form.change, #key-file, #key-new, #key-away, #log-in, #find-passkey, #new-job, #upload')) {
  const button = form.querySelector('button')
  button.disabled = false
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    const said = form.querySelector('.said')
    button.disabled = true
    said.textContent = say('Signing …', '正在签名……')
    try {
      said.textContent = (await (works[form.id] || change)(form)) || ''
    } catch (error) {
      said.textContent = error instanceof Told ? error.message : say(`This did not work: ${error.message}`, `未成功：${error.message}`)
      if (error instanceof Stale) said.append(' ', error.again)
    }
    button.disabled = false
  })
}
show()
