-- Commits writes. KEYS: intents, records, ids, garbage, tombstones, contents, coverage, fence, tombstone times.
-- ARGV: the revision written for, then image id, generation, when the record must have been last written, in ms, or empty,
-- body, and so on in fours. A record is `generation|create_ms|update_ms|body`; update_ms grows with every write of an image,
-- deletions between them too. Returns one of CREATED, UPDATED, CONFLICT, STALE and CHANGED for each write.
local now = now_ms()
local fenced = tonumber(ARGV[1]) < tonumber(redis.call('GET', KEYS[8]) or '0')

local function refusal(fits, intended, head, generation)
  if fenced then
    return 'CHANGED'
  end
  if not fits then
    return 'STALE'
  end
  return (not intended or head > generation) and 'CONFLICT'
end

local function commit(id, generation, expected, body)
  local row = id .. '#' .. generation
  local intended = redis.call('ZREM', KEYS[1], row) == 1
  local old = redis.call('HGET', KEYS[2], id)
  local version, created, updated = string.match(old or '', '^(%d+)|(%d+)|(%d+)|')
  local tombstone = tonumber(redis.call('HGET', KEYS[5], id) or '0')
  local head = math.max(tonumber(version or '0'), tombstone)
  local refused = refusal(expected == '' or expected == updated, intended, head, tonumber(generation))
  if refused then
    redis.call('ZADD', KEYS[4], now, row)
    return refused
  end
  local last = tonumber(updated or redis.call('ZSCORE', KEYS[9], id) or '0')
  local time = string.format('%.0f', math.max(now, last + 1))
  redis.call('HSET', KEYS[2], id, generation .. '|' .. (created or time) .. '|' .. time .. '|' .. body)
  redis.call('ZADD', KEYS[3], 0, id)
  if old then
    redis.call('ZREM', KEYS[6], content_of(old) .. '#' .. id)
    count_spaces(KEYS[7], old, -1)
  end
  redis.call('ZADD', KEYS[6], 0, content_of(body) .. '#' .. id)
  count_spaces(KEYS[7], body, 1)
  if not old then
    return 'CREATED'
  end
  redis.call('ZADD', KEYS[4], now, id .. '#' .. version)
  return 'UPDATED'
end

local outcomes = {}
for i = 2, #ARGV, 4 do
  outcomes[#outcomes + 1] = commit(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
end
return outcomes
