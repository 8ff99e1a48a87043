#!/usr/bin/env bash
# clone.sh LIST FOLDER: clones each repository of LIST ("name address" a line) into FOLDER/name, its newest commit alone.
# Nothing in a repository is run, no submodule or large file is followed, and links become plain files. One that can't be
# cloned is named, and the others go on; the status is 1 then. GIT_TOKEN, where it is set, is sent to addresses with https.
set -uo pipefail
list=$1 folder=$2

export GIT_TERMINAL_PROMPT=0 GIT_LFS_SKIP_SMUDGE=1 GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_COUNT=0
if [ -n "${GIT_TOKEN:-}" ]; then
    export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=http.extraHeader
    GIT_CONFIG_VALUE_0="Authorization: Basic $(printf 'x-access-token:%s' "$GIT_TOKEN" | base64 -w 0)"
    export GIT_CONFIG_VALUE_0
fi

rm -rf "$folder" && mkdir -p "$folder" || exit 1
failed=0
while read -r name address _ || [ -n "$name" ]; do
    case $name in '' | '#'*) continue ;; esac
    if [[ ! $name =~ ^[A-Za-z0-9][A-Za-z0-9._-]*$ || -z $address || $address == -* ]]; then
        echo "not a line of 'name address': '${name//[^A-Za-z0-9._-]/?}'" >&2
        failed=1
        continue
    fi
    if ! git -c core.hooksPath=/dev/null -c core.symlinks=false -c protocol.ext.allow=never clone --quiet --depth 1 --no-tags \
        --template= -- "$address" "$folder/$name" 2>/dev/null; then
        echo "can't be cloned: $name" >&2
        rm -rf "${folder:?}/$name"
        failed=1
    fi
done <"$list"
exit "$failed"
