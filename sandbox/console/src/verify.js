// Checks a receipt in the reader's browser: SHA-256 and Ed25519 by WebCrypto, the tree by RFC 6962. Nothing is asked of
// the lab but the receipt itself. `say`, `bytes` and `hex` are those of sign.js, which every page loads before it.
'use strict'

{
  const utf8 = new TextEncoder()
  const sha256 = async (...parts) => {
    const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
    parts.reduce((at, part) => { all.set(part, at); return at + part.length }, 0)
    return new Uint8Array(await crypto.subtle.digest('SHA-256', all))
  }
  const same = (one, other) => hex(one) === hex(other)

  // Why there is no receipt to be checked, in words.
  class Malformed extends Error {
    constructor () {
      super(say('what the lab sent is no receipt', '实验室发来的不是凭证'))
    }
  }
  const whole = (digits) => {
    if (!/^(0|[1-9]\d{0,18})$/.test(digits)) throw new Malformed()
    return BigInt(digits)
  }

  // RFC 6962, section 2.1.1: the root that a leaf and its path lead to.
  const rootOf = async (index, size, leaf, path) => {
    let [at, last, hash] = [whole(index), whole(size) - 1n, leaf]
    if (at > last) throw new Malformed()
    for (const beside of path) {
      if (last === 0n) throw new Malformed()
      if (at % 2n === 1n || at === last) {
        hash = await sha256([1], beside, hash)
        while (at % 2n === 0n && at !== 0n) { at /= 2n; last /= 2n }
      } else {
        hash = await sha256([1], hash, beside)
      }
      at /= 2n
      last /= 2n
    }
    if (last !== 0n) throw new Malformed()
    return hash
  }

  // C2SP signed-note: NAME+ID+BASE64 is a key, "— NAME BASE64" a signature that begins with the same ID.
  const keyOf = async (vkey) => {
    const [name, stated, ...rest] = vkey.trim().split('+')
    const material = bytes(rest.join('+'))
    const id = (await sha256(utf8.encode(`${name}\n`), material)).slice(0, 4)
    if (!name || hex(id) !== stated || material.length !== 33) throw new Malformed()
    return { name, id, kind: material[0], key: await crypto.subtle.importKey('raw', material.slice(1), 'Ed25519', true, ['verify']) }
  }
  const lineOf = (note, { name, id }) => {
    const lines = note.signatures.filter((line) => line.name === name && same(line.bytes.slice(0, 4), id))
    return lines.length === 1 ? lines[0].bytes.slice(4) : undefined
  }
  const signedBy = async (note, key) => {
    const signature = lineOf(note, key)
    return key.kind === 1 && Boolean(signature) && crypto.subtle.verify('Ed25519', key.key, signature, utf8.encode(note.text))
  }
  // C2SP tlog-cosignature: when the witness saw it, or nothing.
  const seenBy = async (note, key) => {
    const signature = lineOf(note, key)
    if (key.kind !== 4 || !signature || signature.length !== 72) return undefined
    const time = new DataView(signature.buffer, signature.byteOffset).getBigUint64(0)
    const said = utf8.encode(`cosignature/v1\ntime ${time}\n${note.text}`)
    return (await crypto.subtle.verify('Ed25519', key.key, signature.slice(8), said)) ? new Date(Number(time) * 1000) : undefined
  }
  const noteOf = (text) => {
    const at = text.lastIndexOf('\n\n')
    const signatures = text.slice(at + 2).trimEnd().split('\n').map((line) => {
      const [, name, base64] = /^— (\S+) (\S+)$/.exec(line)
      return { name, bytes: bytes(base64) }
    })
    return { text: text.slice(0, at + 1), signatures }
  }

  // C2SP tlog-proof, with the entry in `extra`.
  const proofOf = (text) => {
    const at = text.indexOf('\n\n')
    const [header, extra, index, ...path] = text.slice(0, at).split('\n')
    if (header !== 'c2sp.org/tlog-proof@v1' || !extra.startsWith('extra ')) throw new Malformed()
    return { entry: bytes(extra.slice(6)), index: /^index (\d+)$/.exec(index)[1], path: path.map(bytes), note: noteOf(text.slice(at + 2)) }
  }

  const check = async (receipt, page, tell) => {
    const { format, logKey, witnesses, quorum, body } = receipt
    if (format !== 'unseen-receipt-v1' || !Array.isArray(witnesses) || typeof body !== 'string') throw new Malformed()
    const { note, entry, index, path } = proofOf(receipt.proof)
    const [origin, size, root] = note.text.split('\n')
    const envelope = JSON.parse(new TextDecoder().decode(entry))
    const said = JSON.parse(new TextDecoder().decode(bytes(envelope.payload)))
    const { event, log } = said.predicate
    const digest = `sha256:${hex(await sha256(utf8.encode(body)))}`
    const names = said.predicateType === 'urn:unseen:Release/v1' && log === origin && event.body === digest
    tell(names, say('the entry names exactly these numbers', '条目所载正是这些数字'), digest)
    tell(digest === page.digest && `j${event.job}` === page.job, say('they are of this job, and this page names them', '这些数字属于此作业，且与本页所示摘要相同'), `j${event.job}`)
    const reached = await rootOf(index, size, await sha256([0], entry), path).catch(() => new Uint8Array())
    tell(same(reached, bytes(root)), say(`entry ${index} is among the ${size} of ${origin}`, `条目 ${index} 在 ${origin} 的 ${size} 个条目之中`), hex(bytes(root)))
    const key = await keyOf(logKey)
    tell(key.name === origin && await signedBy(note, key), say('the log’s key has signed it', '由日志密钥签名'), logKey)
    // One key is one witness, under however many names.
    const seen = new Set()
    for (const vkey of new Set(witnesses)) {
      const witness = await keyOf(vkey)
      const time = await seenBy(note, witness)
      if (time) seen.add(vkey.trim().split('+').slice(2).join('+'))
      tell(time ? true : undefined, say(`witness ${witness.name}`, `见证方 ${witness.name}`), time ? time.toISOString().slice(0, 19).replace('T', ' ') : say('has not signed this checkpoint', '未联署此检查点'))
    }
    if (quorum > 0) tell(seen.size >= quorum, say(`${seen.size} witnesses, ${quorum} are asked for`, `${seen.size} 个见证方，要求 ${quorum} 个`), '')
    else tell(undefined, say('the lab names no witnesses', '实验室未指定见证方'), say('ask others whether they were shown the same checkpoint', '请与他人核对所见的检查点是否相同'))
    tell(wrongOnPage(JSON.parse(body)) === 0, say('the totals on this page are those of the receipt', '本页的总数与凭证一致'), '')
  }

  // How many totals of the last round do not stand on the page as they were released; fractions are shown rounded.
  const wrongOnPage = ({ rounds }) => {
    const shown = new Set(Array.from(document.querySelectorAll('main td'), (cell) => cell.textContent.trim()))
    const totals = rounds[rounds.length - 1].outputs.flatMap(({ groups }) => groups.slice(0, 5000)).flatMap(({ values }) => values.map(({ value }) => value))
    return totals.filter((total) => !total.includes('/') && !shown.has(total)).length
  }

  const form = document.getElementById('verify')
  const show = (list) => (good, what, detail) => {
    const item = document.createElement('li')
    const mark = document.createElement('span')
    mark.className = `mark ${good === undefined ? 'note' : good ? 'good' : 'bad'}`
    mark.textContent = good === undefined ? say('to be known', '须知') : good ? say('✓ true', '✓ 属实') : say('✗ NOT true', '✗ 不符')
    const more = document.createElement('code')
    more.textContent = detail
    item.append(mark, ` ${what} `, more)
    list.append(item)
    list.hidden = false
    return good
  }

  if (form) {
    const button = form.querySelector('button')
    button.disabled = false
    form.addEventListener('submit', async (event) => {
      event.preventDefault()
      const [said, list] = [form.querySelector('.said'), form.querySelector('.checks')]
      list.replaceChildren()
      button.disabled = true
      said.textContent = say('Checking …', '正在核验……')
      const results = []
      try {
        const answer = await fetch(form.dataset.at, { method: 'POST', body: new URLSearchParams({ entry: form.dataset.entry, as: 'receipt' }) })
        if (!answer.ok) throw new Malformed()
        const receipt = (await answer.json()) || {}
        const tell = show(list)
        await check(receipt, form.dataset, (...line) => results.push(tell(...line)))
        said.textContent = results.includes(false)
          ? say('NOT in order: keep the receipt, and show it to an auditor.', '不正常：请保存凭证，并出示给审计员。')
          : say('In order.', '正常。')
      } catch (error) {
        const why = error instanceof Malformed ? error : new Malformed()
        said.textContent = say(`This could not be checked: ${why.message}. Keep what you have, and tell an auditor.`, `无法核验：${why.message}。请保留现有内容并告知审计员。`)
      }
      button.disabled = false
    })
  }
}
