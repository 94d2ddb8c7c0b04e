// A provider of OpenID Connect: `oidc-provider`, with its pages for development, on a port of its own.
//
//   node provider.mjs LIBRARY ACCOUNTS CALLBACK
//
// Whoever signs in as X, with any password, is what ACCOUNTS, a file of JSON, says of X at that moment. It
// prints where it is.

import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'

// It warns of what is meant for tests alone, when nobody reads it any more.
console.info = console.warn = () => {}

const [library, accounts, callback] = process.argv.slice(2)
const { Provider } = await import(library)

// It dies with the test that started it.
process.stdin.on('end', () => process.exit(0)).resume()

const server = createServer()
await new Promise((resolve) => server.listen(0, 'localhost', resolve))
const issuer = `http://localhost:${server.address().port}`
const provider = new Provider(issuer, {
  clients: [{
    client_id: 'launcher',
    client_secret: 'a secret of two',
    redirect_uris: [callback],
    response_types: ['code'],
    grant_types: ['authorization_code'],
  }],
  claims: {
    openid: ['sub'],
    profile: ['name', 'preferred_username'],
    email: ['email', 'email_verified'],
    groups: ['groups'],
  },
  cookies: { keys: ['for the tests'] },
  features: { devInteractions: { enabled: true } },
  pkce: { required: () => true },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, ...JSON.parse(readFileSync(accounts, 'utf8'))[id] }),
  }),
})
server.on('request', provider.callback())
console.log(issuer)
