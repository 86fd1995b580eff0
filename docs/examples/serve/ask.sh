# sh ask.sh ITEM USER, with a key of the scopes read and write in SHELFSPACE_KEY; curl 7.82 or later
set -eu
url=${SHELFSPACE_URL:-http://127.0.0.1:8000} item=${1:-85123A} user=${2:-17850}
ask() { curl -sS --fail-with-body -H "Authorization: Bearer $SHELFSPACE_KEY" "$@"; echo; }

ask "$url/similar/$item?k=3"                                     # products like this one
ask "$url/recommend/$user?k=3" -G --data-urlencode "where=price<20"
ask "$url/recommend" --json '{"history": ["'"$item"'"], "k": 3}' # a basket of nobody known
ask "$url/events" --json '{"item_id": "'"$item"'", "user_id": "'"$user"'", "event_id": "order-17-1"}'
ask "$url/recommend/$user?k=3"                                   # the answer after knows of it
