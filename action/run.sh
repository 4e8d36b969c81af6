#!/usr/bin/env bash
# What the action runs: audits DATASET, and tells the steps after it how that went. It ends with 0 whatever was found,
# so that results are uploaded; the last step fails. Inputs come as variables and are never read as code.
set -uo pipefail

: "${DATASET:?is not set}" "${OUTPUT:?is not set}"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
alerts=${RUNNER_TEMP:-/tmp}/dataaudit.sarif

options=()
read -r -d '' -a options <<<"${OPTIONS:-}"
[[ -n ${FAIL_ON:-} ]] && options+=(--fail-on "$FAIL_ON")
[[ -n ${BASELINE:-} ]] && options+=(--baseline "$BASELINE")

# Results of an earlier run must not be taken for those of this one.
rm -f -- "$OUTPUT/audit.sarif" "$OUTPUT/summary.md" "$OUTPUT/report.html" "$alerts"
dataaudit run --output "$OUTPUT" ${options[@]+"${options[@]}"} -- "$DATASET"
code=$?

case $code in
  0) verdict=PASS ;;
  1) verdict=FAIL ;;
  3) verdict=INCOMPLETE ;;
  *) verdict=ERROR ;;
esac

if [[ -f $OUTPUT/summary.md ]]; then
  cat -- "$OUTPUT/summary.md" >>"$GITHUB_STEP_SUMMARY"
else
  echo "dataaudit ended with exit code $code and wrote no summary; the log of its step says why." >>"$GITHUB_STEP_SUMMARY"
fi
[[ -f $OUTPUT/audit.sarif ]] && python "$here/alerts.py" "$OUTPUT/audit.sarif" "$alerts"

# A path may hold a line break, which must not begin another output.
tell() {
  local mark
  mark=end-$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  printf '%s<<%s\n%s\n%s\n' "$1" "$mark" "$2" "$mark" >>"$GITHUB_OUTPUT"
}
tell exit-code "$code"
tell verdict "$verdict"
[[ -f $OUTPUT/report.html ]] && tell report "$OUTPUT/report.html"
[[ -f $alerts ]] && tell alerts "$alerts"
exit 0
