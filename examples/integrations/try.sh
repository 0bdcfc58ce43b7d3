#!/bin/sh
# Tries modeltrail inside pre-commit and DVC, as docs/integrations/ has it. Needs `modeltrail`, `pre-commit`, `dvc`
# and `git` on the PATH.
#
#     examples/integrations/try.sh WORK
#
# WORK is a folder that is not there yet.
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
models=$here/examples/checkpoints/finetune
mkdir -p "$1"
work=$(cd "$1" && pwd)
export GIT_AUTHOR_NAME=me GIT_AUTHOR_EMAIL=me@example.org GIT_COMMITTER_NAME=me GIT_COMMITTER_EMAIL=me@example.org
export PRE_COMMIT_HOME="$work/cache"

fails() {
    if "$@"; then
        echo "should have failed: $*" >&2
        exit 1
    fi
}

# The hooks, from a repository that holds them.
mkdir "$work/hooks" && cd "$work/hooks"
git init -q && cp "$here/.pre-commit-hooks.yaml" . && git add . && git commit -qm hooks && git tag v0.1.0
mkdir "$work/hooked" && cd "$work/hooked"
git init -q
cat > .pre-commit-config.yaml <<END
repos:
  - repo: $work/hooks
    rev: v0.1.0
    hooks:
      - id: modeltrail-inspect
      - id: modeltrail-gate
        args: [--accredited, models/accredited.safetensors, --candidate, models/model.safetensors]
      - id: modeltrail-frozen
        args: [models/base.safetensors, models/model.safetensors, --expect-frozen, 'backbone.*']
      - id: modeltrail-audit
        args: [checkpoints/]
END
mkdir models checkpoints
for name in base accredited model; do
    cp "$models/base.safetensors" "models/$name.safetensors"
done
cp "$here"/examples/checkpoints/shifted/*.pt checkpoints
pre-commit install > /dev/null
git add . && git commit -qm 'the base'
cp "$models/polished.safetensors" models/model.safetensors
git add . && fails git commit -qm 'the backbone is not frozen'
cp "$models/base.safetensors" models/model.safetensors
head -c 500 "$models/base.safetensors" > models/cut.safetensors
git add . && fails git commit -qm 'a file that is cut short'
echo 'pre-commit: a sound commit passes, a changed backbone and a damaged file do not'

# A stage of DVC.
mkdir "$work/staged" && cd "$work/staged"
git init -q && dvc init -q
cat > dvc.yaml <<END
stages:
  gate:
    cmd: modeltrail gate --accredited accredited.safetensors --candidate model.safetensors --json > gate.json
    deps: [accredited.safetensors, model.safetensors]
    metrics:
      - gate.json: {cache: false}
END
cp "$models/base.safetensors" accredited.safetensors
cp "$models/polished.safetensors" model.safetensors
dvc add -q accredited.safetensors model.safetensors
dvc repro -q
git add . && git commit -qm 'a polished model'
cp "$models/lora-merged.safetensors" model.safetensors
dvc add -q model.safetensors
fails dvc repro -q
dvc metrics diff | grep verdict
dvc get -q . model.safetensors --rev HEAD --out before.safetensors
modeltrail diff before.safetensors model.safetensors > /dev/null
echo 'DVC: the stage passes, and stops the pipeline where the gate says retest'
