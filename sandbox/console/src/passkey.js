// Passkeys (W3C Web Authentication, Level 3), of Ed25519 only. They belong to a DNS name; the rest of the script signs
// with one as with a key that the browser keeps.
'use strict'

const passkeys = Boolean(window.PublicKeyCredential) && !/^\[|^[\d.]+$/.test(location.hostname)

const fromDevice = async (work) => {
  try {
    return await work()
  } catch (error) {
    if (error.name === 'NotSupportedError') throw new Told(say('This device makes no passkey of the kind that is taken here (Ed25519).', '此设备不能生成本站接受的通行密钥（Ed25519）。'))
    if (error.name === 'NotAllowedError') throw new Told(say('The passkey did not answer, or you declined.', '通行密钥没有应答，或您已取消。'))
    throw error
  }
}

// Which passkey has signed, and the assertion as envelopes bear it. Without a passkey's id, any of this lab's does.
const asserted = async (message, id) => {
  const publicKey = {
    rpId: location.hostname,
    challenge: await crypto.subtle.digest('SHA-256', message),
    allowCredentials: id ? [{ type: 'public-key', id }] : [],
    userVerification: 'required',
  }
  const { rawId, response } = await fromDevice(() => navigator.credentials.get({ publicKey }))
  const parts = [response.authenticatorData, response.clientDataJSON, response.signature].map((part) => new Uint8Array(part))
  const strings = parts.flatMap((part) => {
    const length = new DataView(new ArrayBuffer(4))
    length.setUint32(0, part.length)
    return [...new Uint8Array(length.buffer), ...part]
  })
  return { passkey: new Uint8Array(rawId), bytes: new Uint8Array([...new TextEncoder().encode('WEBAUTHN'), ...strings]) }
}

// A new passkey. Another one of the same person, on the same device, stays.
const newPasskey = async (name) => {
  const publicKey = {
    rp: { id: location.hostname, name: document.body.dataset.lab },
    user: { id: crypto.getRandomValues(new Uint8Array(32)), name, displayName: name },
    challenge: crypto.getRandomValues(new Uint8Array(32)),
    pubKeyCredParams: [{ type: 'public-key', alg: -8 }],
    authenticatorSelection: { residentKey: 'preferred', userVerification: 'required' },
    attestation: 'none',
  }
  const { rawId, response } = await fromDevice(() => navigator.credentials.create({ publicKey }))
  // SubjectPublicKeyInfo ends with the 32 bytes (RFC 8410).
  const half = new Uint8Array(response.getPublicKey()).slice(-32)
  return { passkey: new Uint8Array(rawId), ...(await named(half)) }
}

// Logs in with a passkey that this browser has forgotten: the lab says which of its keys has signed.
const findPasskey = async (form) => {
  const { passkey, answer } = await logInWith(form.dataset.to, '', (words) => asserted(words))
  await keep({ passkey, ...(await named(Uint8Array.from(answer.key.match(/../g), (two) => parseInt(two, 16)))) })
  location.assign(form.dataset.then)
}

for (const place of document.querySelectorAll('[data-passkeys]')) {
  const fits = (place.dataset.passkeys === 'can') === passkeys
  if (place.tagName === 'OPTION') place.disabled = !fits
  else place.hidden = !fits
}
