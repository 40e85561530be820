#!/usr/bin/env bash
# The part of launch.py that runs on the TPU VM.
#   on_vm.sh install                      an environment with Python 3.12 and this package
#   on_vm.sh start alignment.X FLAG...    run an entry point in the tmux session `alignment`
#   on_vm.sh state                        print `running`, `finished STATUS`, `not started` or `not installed`
set -euo pipefail

folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repository=$(dirname "$(dirname "$folder")")
log="$HOME/alignment.log"
status="$HOME/alignment.status"
PATH="$HOME/.local/bin:$PATH"

install() {
    # The image's own Python is older than 3.11; uv brings one without touching the system.
    command -v uv >/dev/null || curl -LsSf https://astral.sh/uv/install.sh | sh
    uv venv --allow-existing --python 3.12 "$repository/.venv"
    uv pip install --python "$repository/.venv/bin/python" --editable "$repository[tpu,log]"
    touch "$repository/.venv/complete"
}

start() {
    if tmux has-session -t alignment 2>/dev/null; then
        echo "an entry point is running already; look at it with: tmux attach -t alignment" >&2
        exit 1
    fi
    rm -f "$status"
    tmux new-session -d -s alignment bash "$folder/on_vm.sh" run "$@"
}

run() {
    cd "$repository"
    local code=0
    .venv/bin/python -m "$@" 2>&1 | tee -a "$log" || code=${PIPESTATUS[0]}
    echo "$code" >"$status"
}

state() {
    if tmux has-session -t alignment 2>/dev/null; then
        echo running
    elif [[ -f "$status" ]]; then
        echo "finished $(cat "$status")"
    elif [[ -f "$repository/.venv/complete" ]]; then
        echo "not started"
    else
        echo "not installed"
    fi
}

action=$1
shift
case "$action" in
install | start | run | state) "$action" "$@" ;;
*)
    echo "unknown action $action; use install, start or state" >&2
    exit 2
    ;;
esac
