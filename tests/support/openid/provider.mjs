// A real OpenID provider for tests: node-oidc-provider with people from a file and two plain forms.
// node provider.mjs PORT PEOPLE.json REDIRECT_URI ; people are read anew for every answer.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(`${process.env.NODE_FOLDER}/`);
const { Provider } = await import(pathToFileURL(require.resolve('oidc-provider')));
const [port, peopleFile, redirectUri] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const people = () => JSON.parse(readFileSync(peopleFile, 'utf8'));

const provider = new Provider(issuer, {
  clients: [{ client_id: 'hub', client_secret: 'the hub and nobody else', redirect_uris: [redirectUri] }],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'preferred_username', 'groups'] },
  features: { devInteractions: { enabled: false } },
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  cookies: { keys: ['for tests only'] },
  ttl: { AccessToken: 3600, AuthorizationCode: 60, Grant: 3600, IdToken: 3600, Interaction: 600, Session: 3600 },
  findAccount: (_ctx, id) => (people()[id] ? { accountId: id, claims: () => ({ sub: id, ...people()[id] }) } : undefined),
  renderError: (ctx, out) => { ctx.body = JSON.stringify(out); },
});

const page = (title, form) => `<!doctype html><title>${title}</title><h1>${title}</h1><form method="post">${form}</form>`;
const LOGIN = page('Test provider', '<label>Name <input name="login" autofocus></label> <button>Sign in</button>');
const CONSENT = page('Allow the hub?', '<button name="answer" value="yes">Allow</button> <button name="answer" value="no">Deny</button>');

async function read(request) {
  let body = '';
  for await (const chunk of request) body += chunk;
  return new URLSearchParams(body);
}

async function grantFor(details) {
  const grant = details.grantId
    ? await provider.Grant.find(details.grantId)
    : new provider.Grant({ accountId: details.session.accountId, clientId: details.params.client_id });
  grant.addOIDCScope(details.params.scope);
  return grant.save();
}

async function interact(request, response) {
  const details = await provider.interactionDetails(request, response);
  if (request.method === 'GET') {
    response.setHeader('Content-Type', 'text/html');
    response.end(details.prompt.name === 'login' ? LOGIN : CONSENT);
    return;
  }
  const form = await read(request);
  let result = { error: 'access_denied', error_description: 'The person said <b>no</b>' };
  if (details.prompt.name === 'login') result = { login: { accountId: form.get('login') } };
  else if (form.get('answer') === 'yes') result = { consent: { grantId: await grantFor(details) } };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true });
}

const answer = provider.callback();
createServer((request, response) => {
  if (!request.url.startsWith('/interaction/')) return answer(request, response);
  return interact(request, response).catch((error) => { response.statusCode = 500; response.end(String(error)); });
}).listen(Number(port), '127.0.0.1', () => console.log('ready'));
