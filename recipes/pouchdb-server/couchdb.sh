#!/bin/sh
# The program that medic-core's scripts start: CouchDB's name and arguments, another database.
exec "${0%/*}/node" --no-deprecation "${0%/*}/../lib/pouchdb-server/couchdb.js" "$@"
