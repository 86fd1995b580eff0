# sh look.sh USER: what an operator asks; a key of the scope admin in SHELFSPACE_KEY
set -eu
url=${SHELFSPACE_URL:-http://127.0.0.1:8000} user=${1:-17850}
ask() { curl -sS -H "Authorization: Bearer $SHELFSPACE_KEY" "$@"; echo; }

curl -sS "$url/health/live"; echo            # the process is up; no key needed, nor for the next one
curl -sS "$url/health/ready"; echo           # it should be sent requests; 503 and the reasons where not
ask "$url/"                                  # which version answers, of how many items and shoppers
ask "$url/metrics" | grep '^shelfspace_lag_writes'
ask "$url/users/$user/export"                # everything held about a shopper
ask -X DELETE "$url/users/$user"             # and nothing any more
ask "$url/users/$user/export"
ask "$url/similar/no-such-item"              # what went wrong: a code, words, an id that is in the log
