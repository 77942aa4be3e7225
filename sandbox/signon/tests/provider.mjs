// An identity provider for the tests: oidc-provider with its own pages, where any password does.
//
//     node provider.mjs MODULES
//
// Prints its issuer, and ends when its standard input does. Each client has its tokens signed in another way.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const require = createRequire(join(resolve(process.argv[2]), 'package.json'));
const { Provider } = await import(pathToFileURL(require.resolve('oidc-provider')));

const key = (...of) => ({ ...generateKeyPairSync(...of).privateKey.export({ format: 'jwk' }), use: 'sig' });
const web = { client_secret: 'se:cr%t and +', redirect_uris: ['https://lab.example/back', 'https://lab.example/v1/login/office/back'] };
const device = 'urn:ietf:params:oauth:grant-type:device_code';
const server = createServer().listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    jwks: { keys: [key('rsa', { modulusLength: 2048 }), key('ec', { namedCurve: 'P-256' }), key('ed25519')] },
    enabledJWA: { idTokenSigningAlgValues: ['RS256', 'ES256', 'EdDSA'] },
    clients: [
      { ...web, client_id: 'RS256' },
      { ...web, client_id: 'ES256', id_token_signed_response_alg: 'ES256' },
      { client_id: 'EdDSA', token_endpoint_auth_method: 'none', id_token_signed_response_alg: 'EdDSA',
        grant_types: [device], response_types: [], redirect_uris: [] },
    ],
    features: { deviceFlow: { enabled: true } },
    claims: { openid: ['sub', 'preferred_username', 'groups'] },
    conformIdTokenClaims: false,
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, preferred_username: id, groups: ['staff', 'lab-operators'] }),
    }),
  });
  server.on('request', provider.callback());
  console.log(issuer);
});
process.stdin.resume().on('end', () => process.exit());
