'use strict';

// Stands in for CouchDB: reads settings files of CouchDB's form and serves its HTTP interface with the parts of PouchDB Server, on
// LevelDB. Usage: couchdb -couch_ini FILE…
//
// PouchDB Server's own program is not used: it keeps its settings in a file of another form, lets everybody in, follows a log file
// that only grows, and ends without closing its databases.

const fs = require('fs');
const http = require('http');
const path = require('path');

// How long requests in flight may take to finish at the end.
const GRACE = 1000;

const settings = read(process.argv.slice(2).filter((word) => word !== '-couch_ini'));
everyWriteIsOnDisk();
askWhoItIs();
trust();
// Compressed, a feed of changes would wait until there is enough to compress.
const app = require('express-pouchdb')({
  inMemoryConfig: true,
  logPath: '/dev/null',
  overrideMode: { exclude: ['compression'] },
});
const auth = require('pouchdb-auth');
const PouchDB = require('pouchdb-core')
  .plugin(require('pouchdb-adapter-http'))
  .plugin(require('pouchdb-adapter-leveldb'))
  .plugin(require('pouchdb-replication'))
  .plugin(require('pouchdb-mapreduce'));

// Written for a Node.js that told of such a thing and went on.
process.on('unhandledRejection', (error) => console.error('couchdb:', error));
start().catch((error) => end(`it cannot start: ${error.stack}`));

// CouchDB's settings: `[section]`, `key = value`, and remarks after a semicolon. A later file has the last word.
function read(files) {
  const found = {};
  for (const file of files) {
    let section;
    for (const line of fs.readFileSync(file, 'utf8').split('\n')) {
      const text = line.startsWith(';') ? '' : line.split(/[ \t];/)[0].trim();
      const head = /^\[(.*)\]$/.exec(text);
      const entry = /^([^=]+)=(.*)$/.exec(text);
      if (head) {
        section = found[head[1]] = found[head[1]] || {};
      } else if (entry && section) {
        section[entry[1].trim()] = entry[2].trim();
      }
    }
  }
  return found;
}

function setting(section, key) {
  return (settings[section] || {})[key];
}

// An answer that a document is written means that a power cut does not take it back, as with CouchDB.
function everyWriteIsOnDisk() {
  const { prototype } = require('leveldown');
  const { _batch: batch, _put: put, _del: del } = prototype;
  prototype._batch = function (operations, options, done) {
    return batch.call(this, operations, { ...options, sync: true }, done);
  };
  prototype._put = function (key, value, options, done) {
    return put.call(this, key, value, { ...options, sync: true }, done);
  };
  prototype._del = function (key, options, done) {
    return del.call(this, key, { ...options, sync: true }, done);
  };
}

// In the place of a part that would let people in by passwords of a test: nobody does anything without a name, and only the
// administrator makes and removes databases.
function askWhoItIs() {
  const place = require.resolve('express-pouchdb/lib/routes/special-test-auth');
  const refuse = (response, status, error, reason) => response.status(status).json({ error, reason });
  const check = (request, response, next) => {
    const { name, roles } = request.couchSession.userCtx;
    if (request.path === '/_session' && request.method !== 'PUT') return next();
    if (!name) return refuse(response, 401, 'unauthorized', 'Authentication required.');
    const parts = request.path.split('/').filter((part) => part);
    const own = parts.length === 1 && ['PUT', 'DELETE'].includes(request.method);
    const theirs = parts[0] === '_replicator' || parts[0] === '_node' || parts[1] === '_security' && request.method === 'PUT';
    if ((own || theirs) && !roles.includes('_admin')) {
      return refuse(response, 401, 'unauthorized', 'You are not a server admin.');
    }
    return next();
  };
  require.cache[place] = { id: place, filename: place, loaded: true, exports: (app) => app.use(check) };
}

// Whose certificates replication takes, as CouchDB has it.
function trust() {
  const { options } = require('https').globalAgent;
  options.rejectUnauthorized = setting('replicator', 'verify_ssl_certificates') === 'true';
  const file = setting('replicator', 'ssl_trusted_certificates_file');
  if (file) options.ca = fs.readFileSync(file);
}

async function start() {
  const directory = setting('couchdb', 'database_dir');
  const admins = settings.admins || {};
  if (!directory) return end("no file sets 'database_dir' of [couchdb]");
  if (!Object.keys(admins).length) return end('no file has an administrator in [admins]: everybody would be one');
  app.couchLogger._stream.end();
  app.couchLogger._stream = process.stderr;
  app.couchConfig._config = {
    admins: await auth.hashAdminPasswords(admins),
    couch_httpd_auth: {
      secret: setting('chttpd_auth', 'secret'),
      timeout: Number(setting('chttpd_auth', 'timeout') || 600),
    },
    couchdb: {
      uuid: setting('couchdb', 'uuid'),
    },
    // What CouchDB calls debug would show who logs in with what.
    log: { level: { none: 'none', warning: 'warning', error: 'error', critical: 'error' }[setting('log', 'level')] || 'info' },
    vendor: { name: 'PouchDB Server, in the place of CouchDB' },
  };
  app.couchLogger.setLevel(app.couchConfig.get('log', 'level'));
  fs.mkdirSync(directory, { recursive: true });
  const databases = PouchDB.defaults({ prefix: path.resolve(directory) + path.sep });
  await app.setPouchDB(databases);
  serve(databases);
}

function serve(databases) {
  const outer = require('express')();
  outer.get('/_up', (_, response) => response.json({ status: 'ok' }));
  outer.use(bodiesAreJson);
  outer.use(app);
  const server = http.createServer({ requestTimeout: 0, keepAliveTimeout: 90000, headersTimeout: 100000 }, outer);
  server.timeout = 0;
  server.on('error', (error) => end(`it cannot serve: ${error.message}`));
  const host = setting('chttpd', 'bind_address') || '127.0.0.1';
  const port = Number(setting('chttpd', 'port') || 5984);
  server.listen(port, host, () => console.error(`PouchDB Server listens on ${host}:${port}, in the place of CouchDB`));
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => stop(server, databases));
}

// CouchDB takes a document for JSON whatever its type is called; Express would take one that curl sends for a form, and store nothing.
function bodiesAreJson(request, _, next) {
  const form = (request.headers['content-type'] || '').startsWith('application/x-www-form-urlencoded');
  const [, second, third] = request.path.split('/').filter((part) => part);
  const isDocument = !third || second === '_design' || second === '_local';
  if (form && isDocument && request.path !== '/_session') request.headers['content-type'] = 'application/json';
  next();
}

// Requests in flight first, then the databases.
function stop(server, databases) {
  const closed = new Promise((done) => server.close(done));
  server.closeIdleConnections();
  setTimeout(() => server.closeAllConnections(), GRACE);
  closed.then(async () => {
    const open = [];
    (databases.__dbCacheMap || new Map()).forEach((database) => open.push(database.close().catch(() => {})));
    await Promise.all(open);
    process.exit(0);
  });
}

function end(reason) {
  console.error(`couchdb: ${reason}`);
  process.exit(1);
}
