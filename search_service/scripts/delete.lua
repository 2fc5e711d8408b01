-- Deletes images. KEYS: generation, records, ids, garbage, tombstones, tombstone times, contents, coverage.
-- ARGV: image ids, each as it is or with `#` and the generation that alone is meant.
-- Every id gets a tombstone, known or not: a write of it that began earlier must not land later. Its time is no earlier than
-- that of the last write, for a clock may go back where a replica takes over. Returns 1 or 0 for each.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return {}
end
local now = now_ms()
local removed = {}
for i, wanted in ipairs(ARGV) do
  local id, only = string.match(wanted, '^([^#]*)#?(%d*)$')
  local old = redis.call('HGET', KEYS[2], id)
  local version, updated = string.match(old or '', '^(%d+)|%d+|(%d+)|')
  removed[i] = 0
  if only == '' or only == version then
    local generation = string.format('%.0f', redis.call('INCR', KEYS[1]))
    if old then
      removed[i] = 1
      redis.call('HDEL', KEYS[2], id)
      redis.call('ZREM', KEYS[3], id)
      redis.call('ZREM', KEYS[7], content_of(old) .. '#' .. id)
      count_spaces(KEYS[8], old, -1)
      redis.call('ZADD', KEYS[4], now, id .. '#' .. version)
    end
    redis.call('HSET', KEYS[5], id, generation)
    redis.call('ZADD', KEYS[6], math.max(now, tonumber(updated or redis.call('ZSCORE', KEYS[6], id) or '0')), id)
  end
end
return removed
