-- Deletes images. KEYS: generation, records, ids, garbage, tombstones, tombstone times, contents, coverage. ARGV: image ids.
-- Every id gets a tombstone, known or not: a write of it that began earlier must not land later. Returns 1 or 0 for each.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return {}
end
local now = now_ms()
local removed = {}
for i, id in ipairs(ARGV) do
  local generation = string.format('%.0f', redis.call('INCR', KEYS[1]))
  local old = redis.call('HGET', KEYS[2], id)
  removed[i] = old and 1 or 0
  if old then
    redis.call('HDEL', KEYS[2], id)
    redis.call('ZREM', KEYS[3], id)
    redis.call('ZREM', KEYS[7], content_of(old) .. '#' .. id)
    count_spaces(KEYS[8], old, -1)
    redis.call('ZADD', KEYS[4], now, id .. '#' .. string.match(old, '^(%d+)|'))
  end
  redis.call('HSET', KEYS[5], id, generation)
  redis.call('ZADD', KEYS[6], now, id)
end
return removed
