# Sourced by .ci/run and .ci/nightly: steps one after another, each with its time, and at the end what they came to.
# The last line printed is the sum of all test runs: "Tests: N passed, N failed, N skipped".
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

log="$(mktemp)"
trap 'rm -f "$log"' EXIT
failed=()

# step <name> <command>...: a step that fails does not keep the next ones from running.
step() {
  local name="$1"
  shift
  printf '\n== %s\n' "$name"
  local started=$SECONDS
  if "$@" < /dev/null; then
    printf -- '-- %s: ok (%d s)\n' "$name" $((SECONDS - started))
  else
    failed+=("$name")
    printf -- '-- %s: FAILED (%d s)\n' "$name" $((SECONDS - started))
  fi
}

# tests [<file or option>...]: a run of tests, for which the real engines are required.
tests() {
  local before status=0
  before=$(counted | wc -l)
  NO_COLOR=1 FLEXPRICE_TEST_ENGINES=required npm test -- "$@" 2>&1 | tee -a "$log" || status=$?
  # A run that did not come to its end is a failure, whatever it said before.
  if (($(counted | wc -l) == before)); then echo 'Tests: 0 passed, 1 failed, 0 skipped' >> "$log"; fi
  return $status
}

counted() {
  grep -E '^Tests: [0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$log" || true
}

finish() {
  echo
  if ((${#failed[@]} > 0)); then echo "FAILED: ${failed[*]}"; else echo 'All steps passed.'; fi
  # The names of what failed, then the runners' closing lines once more, so that nothing of the later steps stands behind them.
  grep -aE '^ FAIL ' "$log" | sort -u || true
  grep -E '^ *(Test Files|Tests|Start at|Duration) ' "$log" || true
  counted | awk '{ passed += $2; failed += $4; skipped += $6 } END { printf "Tests: %d passed, %d failed, %d skipped\n", passed, failed, skipped }'
  exit $((${#failed[@]} > 0))
}
