#!/bin/sh
# Runs `modeltrail gate`, and `modeltrail diff --expect-frozen` where patterns are given. What is asked for is
# in the environment: ACCREDITED, CANDIDATE, HISTORY, BUDGET, EXPECT_FROZEN, JUNIT. Ends with the worse of the
# two exit statuses: 0 = fine, 1 = a finding, 2 = an error, or nobody can tell.
set -f # Patterns are for modeltrail, not for the shell.
status=0
if [ -n "$EXPECT_FROZEN" ]; then
    set --
    for pattern in $EXPECT_FROZEN; do
        set -- "$@" --expect-frozen "$pattern"
    done
    modeltrail diff "$ACCREDITED" "$CANDIDATE" "$@" || status=$?
    echo
fi
set -- --accredited "$ACCREDITED" --candidate "$CANDIDATE"
if [ -n "$JUNIT" ]; then
    set -- "$@" --junit "$JUNIT"
fi
if [ -n "$BUDGET" ]; then
    set -- "$@" --budget "$BUDGET"
fi
if [ -n "$HISTORY" ]; then
    # shellcheck disable=SC2086 # Several paths.
    set -- "$@" --history $HISTORY
fi
gate=0
modeltrail gate "$@" || gate=$?
[ "$gate" -gt "$status" ] && status=$gate
exit "$status"
