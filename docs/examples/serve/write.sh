# sh write.sh ITEM USER: what the shop tells; a key of the scope write in SHELFSPACE_KEY
set -eu
url=${SHELFSPACE_URL:-http://127.0.0.1:8000} item=${1:-85123A} user=${2:-17850}
tell() { curl -sS --fail-with-body -H "Authorization: Bearer $SHELFSPACE_KEY" "$@"; echo; }

# what shoppers did: up to 5,000 at once, all or none; what has an event_id may be sent again
tell "$url/events" --json '[
  {"item_id": "'"$item"'", "user_id": "'"$user"'", "quantity": 2, "event_id": "order-18-1"},
  {"item_id": "'"$item"'", "session_id": "cookie-5", "timestamp": "2024-10-27T12:50+01:00"}
]'

# what they were shown: the X-List-Id of the answer, an item and its place
tell "$url/impressions" --json '{"list_id": "8f2c", "item_id": "'"$item"'", "place": 1, "user_id": "'"$user"'", "clicked": true}'

# the catalogue: a whole listing, some columns (null empties one), gone
tell -X PUT    "$url/items/scarf-9" --json '{"title": "red wool scarf", "price": 12.5}'
tell -X PATCH  "$url/items/scarf-9" --json '{"available": false}'
tell -X DELETE "$url/items/scarf-9"

# a profile
tell -X PUT "$url/users/$user" --json '{"age": "25-34", "region": "north"}'
